"""Find out by which names a model takes its inputs."""

import inspect
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """The names of a model's inputs in their order; one that is `open` takes others too, or does not tell them."""

    names: tuple[str, ...] = ()
    open: bool = False


def parameters_of(call: Any) -> Parameters:
    """Return what can be passed to a model by name."""
    forward = getattr(call, "forward", call)
    if hasattr(forward, "schema"):  # TorchScript
        return Parameters(
            names=tuple(argument.name for argument in forward.schema.arguments if argument.name != "self")
        )
    try:
        parameters = inspect.signature(forward).parameters.values()
    except (TypeError, ValueError):
        return Parameters(open=True)
    return Parameters(
        names=tuple(each.name for each in parameters if each.kind in (each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY)),
        open=any(each.kind is each.VAR_KEYWORD for each in parameters),
    )
