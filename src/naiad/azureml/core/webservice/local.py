"""`azureml.core.webservice.LocalWebservice`: a service on this machine, without Docker."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Unpack

from naiad.azureml.core.inference_config import InferenceConfig as InferenceConfigView
from naiad.azureml.core.model import Model
from naiad.azureml.core.webservice.webservice import Webservice
from naiad.azureml.core.workspace import Workspace, local_workspace
from naiad.azureml.exceptions import UserErrorException, WebserviceException, translated
from naiad.azureml.printing import accept_unused, say
from naiad.errors import InvalidArgumentError, NaiadError
from naiad.targets import deployment, update
from naiad.targets.deployment_config import LOCAL_TARGET, DeploymentConfig, ServiceValues
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
    def deploy_configuration(port: int | None = None, **values: Unpack[ServiceValues]) -> DeploymentConfig:
        """How to deploy.

        Args:
            port: TCP port of the service; a free one when left out.
            values: by the names of `AksWebservice.deploy_configuration`, such as `auth_enabled`: whether requests need
                a key; they do not when left out. Not in the original.

        Raises:
            WebserviceException: when a value cannot be used.
        """
        if port is not None and (type(port) is not int or not 1 <= port <= 65535):
            raise WebserviceException("Invalid configuration, port must be an integer in range [1, 65535]")
        with translated(WebserviceException):
            return DeploymentConfig.local(port=port, **values)

    @property
    def port(self) -> str | None:
        """Where the service answers; a text, as in the original."""
        port = self._status().port
        return None if port is None else str(port)

    # The order of the parameters is the original's.
    def update(
        self,
        models: Sequence[Model | str] | None = None,
        image_config: Any = None,
        deployment_config: DeploymentConfig | None = None,
        wait: bool = False,
        inference_config: InferenceConfigView | None = None,
        **changes: Any,
    ) -> None:
        """Change the service; see `Webservice.update`.

        Args:
            models: Models or ids that it serves from now on.
            image_config: accepted and not used.
            deployment_config: from `deploy_configuration`; what it says changes, the rest stays.
            wait: whether to wait until the change has taken over.
            inference_config: its entry script and environment from now on.
            changes: what else `Webservice.update` takes, instead of a deployment configuration.

        Raises:
            UserErrorException: when nothing is given, or something that cannot be meant.
            WebserviceException: when the change is refused or, when waited for, does not come up.
        """
        accept_unused("update()", image_config=image_config)
        if deployment_config is None:
            super().update(models=models, inference_config=inference_config, wait=wait, **changes)
            return
        with translated(WebserviceException):
            config, _ = checked(deployment_config).on_target(LOCAL_TARGET)
        self._update(config.changes, models, inference_config, wait, **changes)

    def reload(self, wait: bool = False) -> None:
        """Serve the entry script as it is now in the folder that it was deployed from.

        Args:
            wait: whether to wait until it has taken over.

        Raises:
            WebserviceException: when there is no entry script, or it is not valid.
        """
        with translated(WebserviceException):
            self._show(self.workspace, update.reload(local_workspace(self.workspace), self.name, wait=wait))


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
    chosen = DeploymentConfig.local() if configuration is None else checked(configuration)
    local = local_workspace(workspace)
    try:
        config, _ = chosen.on_target(getattr(target, "name", target))
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


def checked(configuration: Any) -> DeploymentConfig:
    """A deployment configuration that a caller passed.

    Raises:
        UserErrorException: when it is something else.
    """
    if not isinstance(configuration, DeploymentConfig):
        raise UserErrorException(
            "deployment_config must come from LocalWebservice.deploy_configuration(), "
            f"not {type(configuration).__name__}"
        )
    return configuration
