"""The settings file: YAML whose keys are flags, with `-` or `_`."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import yaml

from naiad.config.given_settings import FLAGS, GivenSettings, nearest_flag
from naiad.config.setting import Setting
from naiad.errors import ConfigError

_NULL: Final = "tag:yaml.org,2002:null"


def read_settings_file(path: Path) -> GivenSettings:
    """What a settings file gives.

    Raises:
        ConfigError: it cannot be read, is not a mapping of settings to values, or a key or value cannot be; with the
            line.
    """
    given = GivenSettings(ConfigError)
    seen: set[str] = set()
    for key, node in _pairs(path):
        where = f"{path.name}:{key.start_mark.line + 1}"
        if not isinstance(key, yaml.ScalarNode):
            raise ConfigError(f"{where}: a key is expected to be the name of a setting")
        name = key.value.replace("_", "-")
        flag = FLAGS.get(name)
        if flag is None:
            near = nearest_flag(name)
            raise ConfigError(
                f"{where}: there is no setting '{key.value}'", hint=f"did you mean {near}?" if near else None
            )
        if name == "config":
            raise ConfigError(f"{where}: a settings file cannot name another one")
        if flag.name in seen:
            raise ConfigError(f"{where}: {key.value} is given a second time")
        seen.add(flag.name)
        for text in _texts(
            node, may_repeat=not isinstance(flag, Setting) or flag.repeats, where=f"{where}: {key.value}"
        ):
            given.add(flag, text, source=f"{where}: {key.value}")
    return given


def _pairs(path: Path) -> list[tuple[yaml.Node, yaml.Node]]:
    try:
        # Nodes rather than objects: every value stays the text that it is, as on the command line.
        root = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except OSError as error:
        raise ConfigError(f"unable to read the settings file '{path}': {error.strerror}") from None
    except RecursionError:
        raise ConfigError(f"{path.name}: not YAML: nested too deeply") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{path.name}:{mark.line + 1}" if mark is not None else path.name
        reason = getattr(error, "problem", None) or "it is no text"
        raise ConfigError(f"{where}: not YAML: {reason}") from None
    if root is None or root.tag == _NULL:
        return []
    if not isinstance(root, yaml.MappingNode):
        raise ConfigError(f"{path.name}: a mapping of settings to values is expected, such as http-port: 8000")
    return list(root.value)


def _texts(node: yaml.Node, *, may_repeat: bool, where: str) -> list[str]:
    if isinstance(node, yaml.SequenceNode) and may_repeat:
        return [text for item in node.value for text in _texts(item, may_repeat=False, where=where)]
    if not isinstance(node, yaml.ScalarNode):
        raise ConfigError(f"{where} must have {'one value or a list of them' if may_repeat else 'one value'}")
    if node.tag == _NULL:
        raise ConfigError(f"{where} has no value")
    return [str(node.value)]
