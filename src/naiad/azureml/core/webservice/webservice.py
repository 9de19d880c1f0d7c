"""`azureml.core.webservice.Webservice`: a view of a deployed service."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Literal

from naiad.azureml.core.environment import Environment
from naiad.azureml.core.inference_config import InferenceConfig, inference_value
from naiad.azureml.core.model import Model, label_filter, text_labels
from naiad.azureml.core.workspace import Workspace, local_workspace
from naiad.azureml.exceptions import UserErrorException, WebserviceException, translated
from naiad.azureml.printing import accept_unused, say
from naiad.errors import InvalidArgumentError, NaiadError, NotFoundError
from naiad.targets import deployment, scoring, update, waiting
from naiad.targets.deployment_config import DeploymentConfig
from naiad.targets.recorded import recorded_service, recorded_services
from naiad.targets.status import ServiceStatus, serialize, status
from naiad.workspace.labels import changed_tags, extended_properties
from naiad.workspace.services import Service, ServiceChanges
from naiad.workspace.tokens import AccessToken

_ABOUT_CLUSTERS: Final = (
    "image",
    "autoscale_enabled",
    "autoscale_min_replicas",
    "autoscale_max_replicas",
    "autoscale_refresh_seconds",
    "autoscale_target_utilization",
    "collect_model_data",
    "enable_app_insights",
    "num_replicas",
    "gpu_cores",
    "success_threshold",
    "namespace",
    "is_migration",
)
"""What `AksWebservice.update` takes and a service on this machine has not (azure-ml.md §2.8)."""


class Webservice:
    """A deployed service (azure-ml.md §2.6); `Webservice(workspace, name)` is of the subclass of where it runs.

    What is recorded (description, tags, …) is as of when the object was made or `update_deployment_state` called;
    `state`, `scoring_uri`, `port` and `error` are looked up each time.

    Args:
        workspace: where it is deployed.
        name: its name.

    Raises:
        WebserviceException: when there is no such service.
    """

    def __new__(cls, workspace: Workspace, name: str, *_args: Any, **_kwargs: Any) -> Webservice:
        from naiad.azureml.core.webservice.local import LocalWebservice

        return super().__new__(LocalWebservice if cls is Webservice else cls)

    def __init__(self, workspace: Workspace, name: str) -> None:
        try:
            service = recorded_service(local_workspace(workspace), name)
        except NaiadError as error:
            raise WebserviceException(
                f"WebserviceNotFound: Webservice with name {name} not found in provided workspace", error
            ) from error
        self._show(workspace, service)

    @property
    def models(self) -> list[Model]:
        """The models that it serves."""
        return [Model(self.workspace, id=model_id) for model_id in self._service.model_ids]

    @staticmethod
    def list(
        workspace: Workspace,
        compute_type: str | None = None,
        image_name: Any = None,
        image_id: Any = None,
        model_name: str | None = None,
        model_id: str | None = None,
        tags: Sequence[str | Sequence[str]] | None = None,
        properties: Sequence[str | Sequence[str]] | None = None,
        image_digest: Any = None,
    ) -> list[Webservice]:
        """The deployed services that have all of what is asked for.

        Args:
            workspace: where to look.
            compute_type: where they run: `Local`.
            model_name: of a model that they serve.
            model_id: of a model that they serve.
            tags: `"key"` or `["key", "value"]`, each.
            properties: the same for properties.
            image_name: accepted and not used, as are image_id and image_digest.

        Raises:
            UserErrorException: when tags or properties are no list.
        """
        accept_unused("Webservice.list()", image_name=image_name, image_id=image_id, image_digest=image_digest)
        with translated(WebserviceException):
            services = recorded_services(
                local_workspace(workspace),
                compute_type=compute_type,
                model_name=model_name,
                model_id=model_id,
                tags=label_filter("tags", tags),
                properties=label_filter("properties", properties),
            )
        return [_view(workspace, service) for service in services]

    @property
    def state(self) -> str:
        """`deploying`, `running`, `failed`, `deleted` or `unknown`."""
        state = self._status().state
        # Azure ML has no word for a service that is being started again after it died.
        return "deploying" if state == "restarting" else state

    @property
    def error(self) -> str | None:
        """Why it failed, when it did."""
        return self._status().error

    @property
    def scoring_uri(self) -> str | None:
        """Where requests go: `…/score`, or the base of the engine's URIs; None while there is no port."""
        return self._status().scoring_uri

    @property
    def swagger_uri(self) -> str | None:
        """Where the entry script is described; None without one."""
        return self._status().swagger_uri

    @property
    def environment(self) -> Environment | None:
        """The environment of the entry script; None without one."""
        if self._service.inference is None:
            return None
        recorded = self._service.inference["environment"]
        return Environment.get(self.workspace, recorded["name"], recorded["version"])

    def wait_for_deployment(self, show_output: bool = False, timeout_sec: float | None = None) -> None:
        """Wait until the service answers, and its last update has taken over.

        Args:
            show_output: print what happens meanwhile, and the log when it fails.
            timeout_sec: how long to wait; ten minutes when left out.

        Raises:
            WebserviceException: when it failed, or is not ready in time.
        """
        report = say if show_output else None
        if show_output:
            say("Checking container health...")
        limit = {} if timeout_sec is None else {"timeout_s": timeout_sec}
        try:
            now = waiting.wait_until_ready(local_workspace(self.workspace), self.name, report=report, **limit)
        except NaiadError as error:
            if show_output:
                say(f"\nContainer Logs:\n{self.get_logs()}")
            raise WebserviceException(error.message, error) from error
        self.update_deployment_state()
        if show_output:
            say(f"Local webservice is running at {(now.scoring_uri or '').removesuffix('/score')}")

    def update_deployment_state(self) -> None:
        """Look up again what is recorded about the service.

        Raises:
            WebserviceException: when there is no such service any more.
        """
        with translated(WebserviceException):
            self._show(self.workspace, recorded_service(local_workspace(self.workspace), self.name))

    def get_logs(self, num_lines: int = 5000, init: bool = False) -> str:
        """The last lines of the service's log.

        Raises:
            WebserviceException: when there is no such service any more.
        """
        accept_unused("get_logs()", init=init or None)
        with translated(WebserviceException):
            return deployment.logs(local_workspace(self.workspace), self.name, num_lines=num_lines)

    def run(self, input_data: str | bytes, *, model: str | None = None) -> Any:
        """Send one request to the service, with its key when it needs one.

        Args:
            input_data: the body: what the entry script expects, or an inference request (JSON of the Open Inference
                Protocol) without one.
            model: `name` or `name:version` of a model in the service's repository, when it has several. Not in the
                original.

        Returns:
            The response, parsed; as text when it is not JSON.

        Raises:
            UserErrorException: when the data is neither text nor bytes.
            WebserviceException: when the service refuses it or does not answer.
        """
        if not isinstance(input_data, (str, bytes)):
            raise UserErrorException(f"input_data must be str or bytes, not {type(input_data).__name__}")
        data = input_data.encode() if isinstance(input_data, str) else input_data
        with translated(WebserviceException):
            answer = scoring.run(local_workspace(self.workspace), self.name, data, model=model)
        try:
            return json.loads(answer)
        except ValueError:
            return answer.decode(errors="replace")

    def get_keys(self) -> tuple[str, str]:
        """The primary and the secondary key.

        Raises:
            WebserviceException: when there is no such service any more.
        """
        with translated(WebserviceException):
            keys = local_workspace(self.workspace).services.keys(self.name)
        return keys.primary, keys.secondary

    def regen_key(self, key: str | None, set_key: str | None = None) -> None:
        """Replace one key; the other stays valid.

        Args:
            key: `Primary` or `Secondary`.
            set_key: its new value; a random one when left out.

        Raises:
            WebserviceException: when the key's name or value cannot be used.
        """
        if not key:
            raise WebserviceException("Error, must specify which key with be regenerated: Primary, Secondary")
        which: dict[str, Literal["primary", "secondary"]] = {"primary": "primary", "secondary": "secondary"}
        if key.lower() not in which:
            raise WebserviceException(
                f"Error, invalid value provided for key: {key}.\nValid options are: Primary, Secondary"
            )
        with translated(WebserviceException):
            local_workspace(self.workspace).services.regenerate_key(self.name, which[key.lower()], value=set_key)

    def get_access_token(self) -> AccessToken:
        """A new access token, with `access_token`, `token_type`, `refresh_after` and `expiry_on`.

        Raises:
            WebserviceException: when the service takes no tokens.
        """
        with translated(WebserviceException):
            return local_workspace(self.workspace).services.issue_token(self.name)

    def get_token(self) -> tuple[str, datetime]:
        """A new access token, and when to ask for another.

        Raises:
            WebserviceException: when the service takes no tokens.
        """
        token = self.get_access_token()
        return token.access_token, token.refresh_after

    def update(
        self,
        *,
        models: Sequence[Model | str] | None = None,
        inference_config: InferenceConfig | None = None,
        description: str | None = None,
        tags: Mapping[str, Any] | None = None,
        properties: Mapping[str, Any] | None = None,
        wait: bool = False,
        **values: Any,
    ) -> None:
        """Change the service; it answers meanwhile, and goes on as it was when the change does not come up.

        Args:
            models: Models or ids that it serves from now on.
            inference_config: its entry script and environment from now on.
            description: what it is.
            tags: tags to set.
            properties: properties to add.
            wait: whether to wait until the change has taken over; `wait_for_deployment` does so otherwise.
            values: how it is deployed, by the names of `AksWebservice.deploy_configuration`; what is about a cluster
                is accepted and not used.

        Raises:
            UserErrorException: when nothing is given, or something that cannot be meant.
            WebserviceException: when the change is refused or, when waited for, does not come up.
        """
        accept_unused("update()", **{name: values.pop(name, None) for name in _ABOUT_CLUSTERS})
        with translated(UserErrorException):
            config = DeploymentConfig.local(**values)
        self._update(config.changes, models, inference_config, wait, description, tags, properties)

    def _update(
        self,
        config: Mapping[str, Any],
        models: Sequence[Model | str] | None,
        inference_config: InferenceConfig | None,
        wait: bool,
        description: str | None = None,
        tags: Mapping[str, Any] | None = None,
        properties: Mapping[str, Any] | None = None,
    ) -> None:
        inference = None
        if inference_config is not None:
            inference = inference_value(inference_config, self.workspace, service=self.name)
        try:
            service = update.update(
                local_workspace(self.workspace),
                self.name,
                models=None if models is None else [model if isinstance(model, str) else model.id for model in models],
                inference=inference,
                config=config,
                description=description,
                tags=None if tags is None else changed_tags(self.tags, add=text_labels("Tags", tags), remove=()),
                properties=None
                if properties is None
                else extended_properties(self.properties, add=text_labels("Properties", properties)),
                wait=wait,
            )
        except InvalidArgumentError as error:
            raise UserErrorException(error.message, error) from error
        except NaiadError as error:
            raise WebserviceException(error.message, error) from error
        self._show(self.workspace, service)

    def add_tags(self, tags: Mapping[str, Any]) -> None:
        """Set tags beside those that are there."""
        self._change(tags=changed_tags(self.tags, add=text_labels("Tags", tags), remove=()))
        say("Webservice tag add operation complete.")

    def remove_tags(self, tags: str | Sequence[str]) -> None:
        """Remove tags by key."""
        keys = [tags] if isinstance(tags, str) else tags
        self._change(tags=changed_tags(self.tags, add=None, remove=keys))
        say("Webservice tag remove operation complete.")

    def add_properties(self, properties: Mapping[str, Any]) -> None:
        """Add properties; one that is there cannot change."""
        with translated(WebserviceException):
            extended = extended_properties(self.properties, add=text_labels("Properties", properties))
        self._change(properties=extended)
        say("Webservice add properties operation complete.")

    def delete(self) -> None:
        """Stop the service and forget it."""
        with translated(WebserviceException):
            deleted = deployment.delete(local_workspace(self.workspace), self.name)
        if deleted is None:
            say(f"No service with name {self.name} found to delete.")
        else:
            say("Container has been successfully cleaned up.")

    def serialize(self) -> dict[str, Any]:
        """The document, with Azure ML's keys."""
        return serialize(local_workspace(self.workspace), self._service)

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(workspace={self.workspace!r}, name={self.name}, "
            f"compute_type={self.compute_type}, state={self.state}, scoring_uri={self.scoring_uri})"
        )

    def _show(self, workspace: Workspace, service: Service) -> None:
        self.workspace = workspace
        self.name = service.name
        self.compute_type = service.compute_type
        self.description = service.description
        self.tags = dict(service.tags)
        self.properties = dict(service.properties)
        self.auth_enabled = service.auth_enabled
        self.token_auth_enabled = service.token_auth_enabled
        self.created_time: datetime = service.created_time
        self.updated_time: datetime = service.updated_time
        self.created_by = service.created_by
        self._service = service

    def _change(self, **changes: Any) -> None:
        typed: ServiceChanges = changes  # type: ignore[assignment]
        with translated(WebserviceException):
            self._show(self.workspace, local_workspace(self.workspace).services.update(self.name, **typed))

    def _status(self) -> ServiceStatus:
        try:
            return status(local_workspace(self.workspace), self.name)
        except NotFoundError:
            return ServiceStatus("deleted")


def _view(workspace: Workspace, service: Service) -> Webservice:
    view = Webservice.__new__(Webservice, workspace, service.name)
    view._show(workspace, service)
    return view
