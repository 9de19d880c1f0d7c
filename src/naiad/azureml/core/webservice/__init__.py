"""`azureml.core.webservice`: deployed services."""

from __future__ import annotations

from naiad.azureml.core.webservice.aci import AciWebservice as AciWebservice
from naiad.azureml.core.webservice.aks import AksWebservice as AksWebservice
from naiad.azureml.core.webservice.local import LocalWebservice as LocalWebservice
from naiad.azureml.core.webservice.webservice import Webservice as Webservice

__all__ = ["AciWebservice", "AksWebservice", "LocalWebservice", "Webservice"]
