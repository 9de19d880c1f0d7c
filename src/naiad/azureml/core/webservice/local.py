"""`azureml.core.webservice.LocalWebservice`: a service on this machine, without Docker."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from naiad.azureml.core.webservice.webservice import Webservice
from naiad.azureml.core.workspace import Workspace, local_workspace
from naiad.azureml.exceptions import UserErrorException, WebserviceException, translated
from naiad.azureml.printing import say
from naiad.errors import InvalidArgumentError, NaiadError
from naiad.targets import deployment
from naiad.targets.deployment_config import DeploymentConfig
from naiad.targets.inference_config import InferenceConfig
from naiad.workspace.services import Service


class LocalWebservice(Webservice):
    """A service that runs as processes on this machine (azure-ml.md §2.7).

    Args:
        workspace: where it is deployed.
        name: its name.
        must_exist: whether to fail when there is no such service; else its state is `deleted`.

    Raises:
        WebserviceException: when there is no such service and there must be.
    """

    STATE_DELETED: Final = "deleted"
    STATE_DEPLOYING: Final = "deploying"
    STATE_FAILED: Final = "failed"
    STATE_RUNNING: Final = "running"
    STATE_UNKNOWN: Final = "unknown"

    def __init__(self, workspace: Workspace, name: str, must_exist: bool = True) -> None:
        try:
            super().__init__(workspace, name)
        except WebserviceException:
            if must_exist:
                raise
            self._show(workspace, Service(name, ()))

    @staticmethod
    def deploy_configuration(port: int | None = None, *, auth_enabled: bool | None = None) -> DeploymentConfig:
        """How to deploy.

        Args:
            port: TCP port of the service; a free one when left out.
            auth_enabled: whether requests need a key; they do not when left out. Not in the original.

        Raises:
            WebserviceException: when a value cannot be used.
        """
        if port is not None and (type(port) is not int or not 1 <= port <= 65535):
            raise WebserviceException("Invalid configuration, port must be an integer in range [1, 65535]")
        with translated(WebserviceException):
            return DeploymentConfig.local(port=port, auth_enabled=auth_enabled)

    @property
    def port(self) -> str | None:
        """Where the service answers; a text, as in the original."""
        port = self._status().port
        return None if port is None else str(port)

    def get_token(self) -> Any:
        """Not available, as in the original.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError("Local web services do not support Token Authentication.")


def deploy(
    workspace: Workspace,
    name: str,
    *,
    models: Sequence[str],
    inference: InferenceConfig | None,
    configuration: DeploymentConfig | None,
    target: Any,
    overwrite: bool,
    show_output: bool,
) -> LocalWebservice:
    """Start a service; see `Model.deploy`.

    Args:
        models: ids.
        inference: the entry script; None lets clients speak to the engine.
        target: a compute target, its name, or None.
    """
    if configuration is not None and not isinstance(configuration, DeploymentConfig):
        raise UserErrorException(
            "deployment_config must come from LocalWebservice.deploy_configuration(), "
            f"not {type(configuration).__name__}"
        )
    local = local_workspace(workspace)
    try:
        config, _ = (configuration or DeploymentConfig.local()).on_target(getattr(target, "name", target))
        if show_output:
            say(f"Models:\n\t{', '.join(models)}")
        deployment.deploy(
            local,
            name=name,
            models=models,
            inference=inference,
            config=config,
            overwrite=overwrite,
            report=say if show_output else None,
            wait=False,
        )
    except InvalidArgumentError as error:
        raise UserErrorException(error.message, error) from error
    except NaiadError as error:
        raise WebserviceException(error.message, error) from error
    if show_output:
        say("Request submitted, please run wait_for_deployment(show_output=True) to get deployment status.")
    return LocalWebservice(workspace, name)
