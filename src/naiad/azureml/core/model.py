"""`azureml.core.model.Model`: a view of a registered model."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import NoneType
from typing import TYPE_CHECKING, Any, Final

from naiad.azureml.core.inference_config import InferenceConfig as InferenceConfig
from naiad.azureml.core.inference_config import describe_inference, inference_value
from naiad.azureml.core.model_path import model_path
from naiad.azureml.core.resource_configuration import ResourceConfiguration
from naiad.azureml.core.workspace import Workspace, local_workspace
from naiad.azureml.exceptions import ModelNotFoundException, UserErrorException, WebserviceException, translated
from naiad.azureml.printing import accept_unused, say
from naiad.errors import NaiadError
from naiad.workspace.models import Model as RegisteredModel
from naiad.workspace.models import parse_id

if TYPE_CHECKING:
    from naiad.azureml.core.webservice import LocalWebservice
    from naiad.targets.deployment_config import DeploymentConfig


class Model:
    """One version of a registered model (azure-ml.md §2.3).

    Args:
        workspace: where it is registered.
        name: its name; the latest version that fits the other arguments.
        id: `name:version`, instead of a name.
        tags: only with these: `"key"` or `["key", "value"]`.
        properties: the same for properties.
        version: of the name.
        run_id: accepted and not used.
        model_framework: only of this framework.
        expand: accepted and not used.

    Raises:
        WebserviceException: when there is no such model.
    """

    class Framework:
        """The frameworks; MULTI marks a Triton model repository."""

        CUSTOM: Final = "Custom"
        TENSORFLOW: Final = "TensorFlow"
        SCIKITLEARN: Final = "ScikitLearn"
        ONNX: Final = "Onnx"
        TFKERAS: Final = "TfKeras"
        PYTORCH: Final = "PyTorch"
        MULTI: Final = "Multi"

    def __init__(
        self,
        workspace: Workspace,
        name: str | None = None,
        id: str | None = None,
        tags: Sequence[str | Sequence[str]] | None = None,
        properties: Sequence[str | Sequence[str]] | None = None,
        version: int | None = None,
        run_id: str | None = None,
        model_framework: str | None = None,
        expand: bool = True,
    ) -> None:
        if name is None and id is None:
            raise WebserviceException("Error, one of id or name must be provided.")
        registry = local_workspace(workspace).models
        accept_unused("Model()", run_id=run_id)
        with translated(WebserviceException):
            if id is not None:
                name, version = parse_id(id)
            fitting = [
                model
                for model in registry.list(
                    name,
                    label_filter("tags", tags),
                    properties=label_filter("properties", properties),
                    framework=model_framework,
                )
                if version is None or model.version == int(version)
            ]
        if not fitting:
            asked = {"id": id, "name": name, "version": version, "tags": tags, "properties": properties}
            given = ", ".join(f"{key} {value}" for key, value in asked.items() if value is not None)
            raise WebserviceException(f"ModelNotFound: Model with {given} not found in provided workspace")
        self._unused: dict[str, str] = {}
        self._show(workspace, fitting[-1])

    @staticmethod
    def register(
        workspace: Workspace,
        model_path: str | os.PathLike[str],
        model_name: str,
        tags: Mapping[str, Any] | None = None,
        properties: Mapping[str, Any] | None = None,
        description: str | None = None,
        datasets: Any = None,
        model_framework: str | None = None,
        model_framework_version: str | None = None,
        child_paths: Any = None,
        sample_input_dataset: Any = None,
        sample_output_dataset: Any = None,
        resource_configuration: ResourceConfiguration | None = None,
    ) -> Model:
        """Store a file or folder as the next version of a model.

        Args:
            workspace: where to register it.
            model_path: file or folder; a folder keeps its basename as the top of what is stored.
            model_name: name of the model.
            tags: labels that may change later.
            properties: labels that may not.
            description: what the model is.
            model_framework: one of `Model.Framework`; MULTI for a Triton model repository.
            model_framework_version: of that framework.
            resource_configuration: what a service of the model should have.
            datasets: accepted and not used, as are child_paths, sample_input_dataset and sample_output_dataset.

        Raises:
            FileNotFoundError: when nothing is at the path.
            WebserviceException: when it cannot be registered as asked.
        """
        registry = local_workspace(workspace).models
        unused = accept_unused(
            "Model.register()",
            datasets=datasets,
            childPaths=child_paths,
            sampleInputDatasetId=sample_input_dataset,
            sampleOutputDatasetId=sample_output_dataset,
        )
        if not os.path.exists(model_path):
            raise FileNotFoundError(f"Path does not exist: {os.fspath(model_path)}")
        resources = resource_configuration or ResourceConfiguration()
        say(f"Registering model {model_name}")
        with translated(WebserviceException):
            registered = registry.register(
                model_path,
                name=model_name,
                framework=model_framework,
                framework_version=model_framework_version,
                description=description,
                tags=text_labels("Tags", tags),
                properties=text_labels("Properties", properties),
                cpu=resources.cpu,
                memory_gb=resources.memory_in_gb,
                gpu=resources.gpu,
            )
        return _view(workspace, registered, unused)

    @staticmethod
    def list(
        workspace: Workspace,
        name: str | None = None,
        tags: Sequence[str | Sequence[str]] | None = None,
        properties: Sequence[str | Sequence[str]] | None = None,
        run_id: str | None = None,
        latest: bool = False,
        dataset_id: str | None = None,
        expand: bool = True,
        page_count: int = 255,
        model_framework: str | None = None,
    ) -> list[Model]:
        """The registered models that have all of what is asked for.

        Args:
            workspace: where to look.
            name: of the models.
            tags: `"key"` or `["key", "value"]`, each.
            properties: the same for properties.
            latest: only the newest version of each name.
            model_framework: only of this framework.
            run_id: accepted and not used, as are dataset_id, expand and page_count.

        Raises:
            UserErrorException: when tags or properties are no list.
        """
        registry = local_workspace(workspace).models
        accept_unused("Model.list()", run_id=run_id, dataset_id=dataset_id)
        with translated(WebserviceException):
            models = registry.list(
                name,
                label_filter("tags", tags),
                properties=label_filter("properties", properties),
                framework=model_framework,
                latest=latest,
            )
        return [_view(workspace, model) for model in models]

    @staticmethod
    def deploy(
        workspace: Workspace,
        name: str,
        models: Sequence[Model | str],
        inference_config: InferenceConfig | None = None,
        deployment_config: DeploymentConfig | None = None,
        deployment_target: Any = None,
        overwrite: bool = False,
        show_output: bool = False,
    ) -> LocalWebservice:
        """Start a service of a model; `wait_for_deployment` of what it returns says when it is ready.

        Args:
            workspace: where the models are registered.
            name: of the service.
            models: Models, ids, or paths of models, which are then registered; exactly one without an entry script.
            inference_config: entry script and environment, which is registered; None lets clients speak to the engine.
            deployment_config: from `LocalWebservice.deploy_configuration`; a free port when left out.
            deployment_target: a compute target or its name; this machine when left out.
            overwrite: replace a service of the same name.
            show_output: print what is deployed.

        Raises:
            UserErrorException: when the models cannot be deployed so.
            WebserviceException: when the deployment is refused.
        """
        from naiad.azureml.core.webservice.local import deploy

        inference = None if inference_config is None else inference_value(inference_config, workspace, service=name)
        if show_output and inference is not None:
            say(describe_inference(inference))
        return deploy(
            workspace,
            name,
            models=[_deployable_id(workspace, model, has_script=inference is not None) for model in models],
            inference=inference,
            configuration=deployment_config,
            target=deployment_target,
            overwrite=overwrite,
            show_output=show_output,
        )

    @staticmethod
    def get_model_path(model_name: str, version: int | None = None, _workspace: Workspace | None = None) -> str:
        """Where a model's file or folder is, for an entry script.

        Args:
            model_name: name of a model of the service.
            version: its version; the greatest that is there when left out.
            _workspace: look in this workspace instead of in the service that this process belongs to.

        Raises:
            ModelNotFoundException: when there is no such model.
            WebserviceException: when the folder of its version has not exactly one entry.
        """
        if _workspace is None:
            return model_path(model_name, version)
        registry = local_workspace(_workspace).models
        with translated(ModelNotFoundException):
            return str(registry.path(registry.get(model_name, version).id))

    def download(
        self, target_dir: str | os.PathLike[str] = ".", exist_ok: bool = False, exists_ok: bool | None = None
    ) -> str:
        """Copy the model out of the registry.

        Args:
            target_dir: folder to put it in.
            exist_ok: replace what is there; `exists_ok` is its older name.

        Returns:
            Path of the copy.

        Raises:
            WebserviceException: when something is there and may not be replaced.
        """
        replace = exist_ok if exists_ok is None else exists_ok
        target = Path(target_dir) / self._registered.entry
        if target.exists() and not replace:
            raise WebserviceException(f"File already exists. To overwrite, set exist_ok to True. {target}")
        with translated(WebserviceException):
            return str(local_workspace(self.workspace).models.download(self.id, target_dir, overwrite=replace))

    def delete(self) -> None:
        """Remove this version from the registry.

        Raises:
            WebserviceException: while a service uses it.
        """
        with translated(WebserviceException):
            local_workspace(self.workspace).models.delete(self.id)

    def update(
        self,
        tags: Mapping[str, Any] | None = None,
        description: str | None = None,
        sample_input_dataset: Any = None,
        sample_output_dataset: Any = None,
        resource_configuration: ResourceConfiguration | None = None,
    ) -> None:
        """Replace tags, description or resource configuration; what is None stays.

        Raises:
            WebserviceException: when a value cannot be used.
        """
        self._unused |= accept_unused(
            "Model.update()", sampleInputDatasetId=sample_input_dataset, sampleOutputDatasetId=sample_output_dataset
        )
        if tags is not None:
            self._change(tags=text_labels("Tags", tags))
        if description is not None:
            self._change(description=description)
        if resource_configuration is not None:
            self._change(
                cpu=resource_configuration.cpu,
                memory_gb=resource_configuration.memory_in_gb,
                gpu=resource_configuration.gpu,
            )

    def update_tags_properties(
        self,
        add_tags: Mapping[str, Any] | None = None,
        remove_tags: str | Sequence[str] | None = None,
        add_properties: Mapping[str, Any] | None = None,
    ) -> None:
        """Set and remove single tags, and add properties, which cannot change once they are there.

        Raises:
            WebserviceException: when a property has another value already.
        """
        added = text_labels("Tags", add_tags)
        for key, value in added.items():
            if self.tags.get(key, value) != value:
                say(f"Replacing tag {key} -> {self.tags[key]} with {key} -> {value}")
        self._change(
            add_tags=added,
            remove_tags=[remove_tags] if isinstance(remove_tags, str) else remove_tags or (),
            add_properties=text_labels("Properties", add_properties),
        )

    def add_tags(self, tags: Mapping[str, Any]) -> None:
        """Set tags beside those that are there."""
        self.update_tags_properties(add_tags=tags)
        say("Model tag add operation complete.")

    def remove_tags(self, tags: str | Sequence[str]) -> None:
        """Remove tags by key."""
        self.update_tags_properties(remove_tags=tags)
        say("Model tag remove operation complete.")

    def add_properties(self, properties: Mapping[str, Any]) -> None:
        """Add properties."""
        self.update_tags_properties(add_properties=properties)
        say("Model properties add operation complete.")

    def serialize(self) -> dict[str, Any]:
        """The document, with Azure ML's keys; what has no meaning here is None, or what was given for it, as text."""
        unused: dict[str, Any] = dict.fromkeys(
            ("mimeType", "unpack", "runDetails", "datasets", "sampleInputDatasetId", "sampleOutputDatasetId")
        )
        return unused | self._unused | self._registered.to_dict() | {"url": self.url}

    def _show(self, workspace: Workspace, registered: RegisteredModel) -> None:
        self.workspace = workspace
        self.id = registered.id
        self.name = registered.name
        self.version = registered.version
        self.description = registered.description
        self.tags = dict(registered.tags)
        self.properties = dict(registered.properties)
        self.created_time = registered.created_time
        self.created_by = registered.created_by
        self.model_framework = registered.framework
        self.model_framework_version = registered.framework_version
        hints = ResourceConfiguration(registered.cpu, registered.memory_gb, registered.gpu)
        self.resource_configuration = None if hints == ResourceConfiguration() else hints
        self.url = f"aml://asset/{registered.digest.removeprefix('sha256:')}"
        self._registered = registered

    def _change(self, **changes: Any) -> None:
        with translated(WebserviceException):
            self._show(self.workspace, local_workspace(self.workspace).models.update(self.id, **changes))

    def __repr__(self) -> str:
        return (
            f"Model(workspace={self.workspace!r}, name={self.name}, id={self.id}, version={self.version}, "
            f"tags={self.tags}, properties={self.properties})"
        )


def _view(workspace: Workspace, registered: RegisteredModel, unused: dict[str, str] | None = None) -> Model:
    model = Model.__new__(Model)
    model._unused = unused or {}
    model._show(workspace, registered)
    return model


def text_labels(kind: str, labels: Mapping[str, Any] | None) -> dict[str, str]:
    """Tags or properties as the registry has them: text to text; scripts also pass numbers."""
    if labels is not None and not isinstance(labels, Mapping):
        raise UserErrorException(f"{kind} must be a dict")
    return {str(key): str(value) for key, value in (labels or {}).items()}


def label_filter(kind: str, given: Sequence[str | Sequence[str]] | None) -> dict[str, str | None]:
    """What `list` methods take as tags or properties: `"key"`, or `["key", "value"]`, each (azure-ml.md §2.3).

    Raises:
        UserErrorException: when it is something else.
    """
    wanted: dict[str, str | None] = {}
    items: Sequence[Any] = given or () if isinstance(given, (list, tuple, NoneType)) else (None,)
    for item in items:
        match [item] if isinstance(item, str) else item:
            case [str(key)]:
                wanted[key] = None
            case [str(key), value]:
                wanted[key] = str(value)
            case _:
                raise UserErrorException(f'Expected {kind} must be list type. Ex. ["key", ["key2", "key2 value"]]')
    return wanted


def _deployable_id(workspace: Workspace, model: Model | str, *, has_script: bool) -> str:
    if isinstance(model, Model):
        return model.id
    try:
        return local_workspace(workspace).models.get_by_id(model).id
    except NaiadError as error:
        if not os.path.exists(model):
            raise WebserviceException(error.message, error) from error
    entry = os.path.basename(os.path.abspath(model))
    # With an entry script a folder may hold anything; a Triton model repository is known by its name.
    is_repository = not has_script or os.path.isdir(os.path.join(model, "triton"))
    framework = Model.Framework.MULTI if is_repository else None
    return Model.register(workspace, model, entry[:30], model_framework=framework).id
