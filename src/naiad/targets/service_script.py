"""The entry script of a recorded service: what of an inference configuration stays when its command has ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

from naiad.targets.inference_config import InferenceConfig
from naiad.workspace.environment import Environment


@dataclass(frozen=True, slots=True)
class ServiceScript:
    """An entry script and where its source is.

    Attributes:
        entry_script: relative to the source directory; the script's name without one.
        folder: name of the source directory; None when there is the script alone.
        origin: where the user has the source directory, or the script.
        environment: packages and variables.
    """

    entry_script: str
    folder: str | None
    origin: Path
    environment: Environment

    @classmethod
    def of(cls, inference: InferenceConfig) -> ServiceScript:
        """The script of an inference configuration, which has checked it."""
        source = inference.source.resolve()
        if inference.source_directory is None:
            return cls(source.name, None, source, inference.environment)
        return cls(PurePath(inference.entry_script).as_posix(), source.name, source, inference.environment)

    @property
    def inference(self) -> InferenceConfig:
        """The inference configuration with the source as it is now where the user has it.

        Raises:
            ConfigError: when the script is not there any more, or not valid.
        """
        if self.folder is None:
            return InferenceConfig(str(self.origin), None, self.environment)
        return InferenceConfig(self.entry_script, self.origin, self.environment)

    @property
    def path(self) -> str:
        """AZUREML_ENTRY_SCRIPT: the script's path in the folder that the service runs in."""
        return self.entry_script if self.folder is None else f"{self.folder}/{self.entry_script}"

    def to_dict(self) -> dict[str, Any]:
        """What the registry records."""
        return {
            "entryScript": self.entry_script,
            "sourceDirectory": self.folder,
            "origin": str(self.origin),
            "environment": self.environment.to_dict(),
        }

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> ServiceScript:
        """What `to_dict` made."""
        return cls(
            entry_script=document["entryScript"],
            folder=document["sourceDirectory"],
            origin=Path(document["origin"]),
            environment=Environment.from_dict(document["environment"]),
        )
