"""Import a user's script by its path, and say what is wrong with it in the user's terms (azure-ml.md §4.3)."""

from __future__ import annotations

import importlib
import importlib.util
import logging
import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Final

from naiad.scoring import import_paths
from naiad.scoring.errors import EntryScriptError

_MODULE_NAME: Final = "entry_module"
_OURS: Final = ("<frozen importlib", f"{Path(__file__).parent}{os.sep}")
_IMPORT_FAILED: Final = "Failed to import user script because it raised an unhandled exception"

_log = logging.getLogger("azmlinfsrv.user_script")


def import_script(path: Path | None, source_dirs: Sequence[Path]) -> ModuleType:
    """Execute the script as a module.

    Args:
        path: of the script; `None` imports `main`, as a service without an entry script does.
        source_dirs: put before everything else on `sys.path`, in this order; the script's own folder follows them.

    Raises:
        EntryScriptError: there is no such file, or it raised.
    """
    import_paths.install()
    folders = [*source_dirs, *([path.parent] if path else [])]
    for folder in reversed([str(folder.resolve()) for folder in folders]):
        if folder in sys.path:
            sys.path.remove(folder)
        sys.path.insert(0, folder)
    if path is None:
        return _import_main(source_dirs)
    if not path.is_file():
        raise EntryScriptError(
            f"No entry script at {path}: no such file.", hint="Give the path of a Python file with init() and run()."
        )
    spec = importlib.util.spec_from_file_location(_MODULE_NAME, path)
    if spec is None or spec.loader is None:
        raise EntryScriptError(f"The entry script {path} is not a Python file: its name does not end in .py.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[_MODULE_NAME] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        sys.modules.pop(_MODULE_NAME, None)
        raise _import_error(error) from error
    return module


def _import_main(source_dirs: Sequence[Path]) -> ModuleType:
    try:
        return importlib.import_module("main")
    except (Exception, SystemExit) as error:
        if isinstance(error, ModuleNotFoundError) and error.name == "main":
            where = ", ".join(str(folder) for folder in source_dirs) or "sys.path"
            raise EntryScriptError(
                f"No score script found. Expected score script main.py in {where}.", hint="Name an entry script."
            ) from error
        raise _import_error(error) from error


def _import_error(error: BaseException) -> EntryScriptError:
    hint = None
    if isinstance(error, ModuleNotFoundError):
        hint = f"Is the package that provides {error.name!r} in the service's environment?"
    return EntryScriptError(f"{_IMPORT_FAILED}: {summary(error)}", traceback_text=user_traceback(error), hint=hint)


def summary(error: BaseException) -> str:
    """The last line of a traceback: class and message."""
    return traceback.format_exception_only(error)[-1].strip()


def user_traceback(error: BaseException) -> str:
    """The traceback without the frames of naiad and of the import machinery that lead to the script's."""
    frame = error.__traceback__
    while frame is not None and _is_ours(frame.tb_frame.f_code.co_filename):
        frame = frame.tb_next
    return "".join(traceback.format_exception(type(error), error, frame))


def _is_ours(filename: str) -> bool:
    return filename.startswith(_OURS) or filename == importlib.__file__
