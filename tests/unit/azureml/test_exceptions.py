from __future__ import annotations

import pytest

from naiad.azureml.exceptions import AzureMLException, WebserviceException, translated
from naiad.errors import ConfigError


def test_naiads_errors_become_azures() -> None:
    with pytest.raises(WebserviceException) as caught, translated(WebserviceException):
        raise ConfigError("wrong", hint="right")
    assert isinstance(caught.value, AzureMLException)
    assert caught.value.message == "wrong"
    assert isinstance(caught.value.inner_exception, ConfigError)
    assert str(caught.value) == "wrong\n\nhint: right"


def test_without_a_hint_the_text_is_the_message() -> None:
    assert str(WebserviceException("wrong")) == "wrong"
    assert WebserviceException("wrong").inner_exception is None


def test_other_errors_pass() -> None:
    with pytest.raises(ZeroDivisionError), translated(WebserviceException):
        raise ZeroDivisionError
