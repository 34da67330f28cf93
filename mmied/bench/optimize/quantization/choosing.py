"""Choose the backends that may quantize a model, in order, and say why."""

from collections.abc import Iterator, Sequence

from mmied.bench.optimize.quantization.backend import Backend, Request, missing
from mmied.bench.optimize.quantization.backends.table import BACKENDS
from mmied.errors import ModelError


def fitting_backends(
    request: Request, reasons: list[str], backends: Sequence[Backend] = BACKENDS
) -> Iterator[tuple[Backend, str]]:
    """Yield the backends that the host has and the model fits, each with a sentence on why it would be taken.

    A backend that the configuration names is that one or none. Why others are passed over goes to `reasons`.
    Raises ModelError for a name that no backend of the wanted type has.
    """
    config = request.config
    of_type = [backend for backend in backends if config.quantization_type in backend.types]
    if config.backend != "auto":
        known = ", ".join(["auto", *dict.fromkeys(backend.name for backend in of_type)])
        of_type = [backend for backend in of_type if backend.name == config.backend]
        if not of_type:
            raise ModelError(
                f"backend: {config.backend!r} does no {config.quantization_type} quantization. Take one of {known}."
            )
    for backend in of_type:
        reason = missing(backend) or backend.applicable(request)
        if reason is None:
            yield backend, _sentence(backend, reasons, asked=config.backend != "auto")
        else:
            reasons.append(f"{backend.name}: {reason}")


def _sentence(backend: Backend, reasons: list[str], *, asked: bool) -> str:
    if asked:
        return f"backend {backend.name}, as asked"
    passed = f" (passed over: {'; '.join(reasons)})" if reasons else ""
    return f"backend {backend.name}: {backend.good_for}{passed}"
