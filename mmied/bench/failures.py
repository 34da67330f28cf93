"""Tell in a word and in a sentence what went wrong when a model was called."""

from mmied.errors import MmiedError, ModelError


def reason_of(error: Exception) -> str:
    """Return which of catalog.FAILURE_REASONS an error of a model is."""
    if isinstance(error, ModelError):
        return error.reason
    text = f"{type(error).__name__}: {error}"
    if isinstance(error, MemoryError) or any(
        words in text for words in ("OutOfMemoryError", "can't allocate memory", "out of memory", "not enough memory")
    ):
        return "out_of_memory"
    if "torch._dynamo" in text or "Inductor" in text or "BackendCompilerFailed" in text:
        return "compile"
    return "internal"


def brief(error: Exception) -> str:
    """Return the telling part of an error: TorchScript puts it last, behind a traceback of the script."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    for line in reversed(lines):
        if line.startswith(("RuntimeError:", "builtins.", "torch.jit.Error:")):
            return line[:500]
    return (lines[0] if lines else "no message")[:500]


def sentence_of(error: BaseException) -> str:
    """Return what went wrong; an error of ours is a sentence already, another one needs its kind to be understood."""
    if isinstance(error, MmiedError):
        return str(error)
    if not isinstance(error, Exception):
        return type(error).__name__
    kind, said = type(error).__name__, brief(error)
    return said if said.startswith(f"{kind}: ") else f"{kind}: {said}"
