"""Import a function by the path that a user wrote."""

import importlib
from collections.abc import Callable
from typing import Any

from mmied.errors import ModelError


def import_callable(path: str) -> Callable[..., Any]:
    """Return what "package.module:name" names.

    Raises ModelError when it cannot be imported or called.
    """
    module_name, _, attribute = path.partition(":")
    try:
        target = importlib.import_module(module_name)
        for part in attribute.split("."):
            target = getattr(target, part)
    except Exception as error:
        raise ModelError(
            f"{path}: cannot be imported: {type(error).__name__}: {error}. "
            "It has to be importable in the environment that runs mmied."
        ) from error
    if not callable(target):
        raise ModelError(f"{path}: is a {type(target).__name__}, not something to call")
    return target
