"""Where the Triton model repository is inside a registered tree, and whether it is one.

Three layouts are in use (azure-ml.md §1 item 10, §6.1): a folder that contains `triton/`, a folder that is named
`triton`, and a bare repository. Everything here works on a list of paths, before and after they are stored.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from naiad.errors import ConfigError
from naiad.workspace.tree import draw_tree

CONFIG_FILE: Final = "config.pbtxt"


@dataclass(frozen=True, slots=True)
class TritonLayout:
    """What was found.

    Attributes:
        repository: path of the repository in the tree, such as `models/triton`.
        misplaced_configs: configuration files drawn inside a version folder that stand for a model's missing one:
            path where it is → path where Triton looks for it.
    """

    repository: str
    misplaced_configs: dict[str, str]

    @property
    def warnings(self) -> list[str]:
        """One sentence for each misplaced configuration file."""
        return [
            f"{place} is inside the version folder; a model's configuration belongs at {target}, "
            "and is served from there"
            for place, target in self.misplaced_configs.items()
        ]


def find_layout(paths: Sequence[str], *, entry: str, model: str) -> TritonLayout:
    """Find the model repository in a tree.

    Args:
        paths: every file and empty folder, each starting with `entry`.
        entry: basename of what was registered.
        model: the registered model's name, for the message.

    Raises:
        ConfigError: when there is none; the message shows the tree.
    """
    for repository in (f"{entry}/triton", entry):
        models = _models(paths, repository)
        if models:
            return TritonLayout(repository, _misplaced_configs(models, repository))
    raise ConfigError(
        f"model '{model}' holds no Triton model repository. Registered was:\n\n{draw_tree(tuple(paths))}\n\n"
        "expected was a folder with triton/<model>/<version>/<model file>, a folder named triton, or a bare repository "
        "<model>/<version>/<model file>; <version> is a whole number and config.pbtxt lies in <model>/",
        hint="move the models into that structure and register the folder again",
    )


def _models(paths: Iterable[str], repository: str) -> dict[str, list[tuple[str, ...]]]:
    """What lies in each folder of the repository that looks like a model, as path parts below that folder."""
    inside: dict[str, list[tuple[str, ...]]] = {}
    for path in paths:
        if path.startswith(f"{repository}/"):
            name, *rest = path[len(repository) + 1 :].split("/")
            inside.setdefault(name, []).append(tuple(rest))
    return {name: files for name, files in inside.items() if _is_model(name, files)}


def _is_model(name: str, files: Sequence[tuple[str, ...]]) -> bool:
    has_version = any(parts and _is_version(parts[0]) for parts in files)
    has_config = (CONFIG_FILE,) in files and not _is_version(name)
    return has_version or has_config


def _is_version(name: str) -> bool:
    return name.isascii() and name.isdecimal() and int(name) > 0 and not name.startswith("0")


def _misplaced_configs(models: dict[str, list[tuple[str, ...]]], repository: str) -> dict[str, str]:
    misplaced = {}
    for name, files in models.items():
        if (CONFIG_FILE,) in files:
            continue
        versions = [
            int(parts[0]) for parts in files if len(parts) == 2 and parts[1] == CONFIG_FILE and _is_version(parts[0])
        ]
        if versions:
            misplaced[f"{repository}/{name}/{max(versions)}/{CONFIG_FILE}"] = f"{repository}/{name}/{CONFIG_FILE}"
    return misplaced
