"""Every way to serve a model that mmied tries, as rows of a table; a user's own come by import path or entry point."""

from collections.abc import Collection, Iterable
from importlib import metadata

from mmied.errors import MmiedError
from mmied.optimization import Candidate, Exactness, Route

GROUP = "mmied.candidates"  # entry points that are a Candidate each
ANY: tuple[Route, ...] = ("eager", "exported", "torchscript")
GRAPHS: tuple[Route, ...] = ("eager", "exported")

_HERE = "mmied.bench.candidates"


def _row(
    name: str,
    summary: str,
    function: str,
    exactness: Exactness,
    routes: tuple[Route, ...],
    *,
    devices: tuple[str, ...] = ("cpu", "cuda"),
    needs: tuple[str, ...] = (),
    environment: dict[str, str] | None = None,
    **settings: float | int | str | bool | None,
) -> Candidate:
    return Candidate(
        name=name,
        summary=summary,
        function=f"{_HERE}.{function}",
        exactness=exactness,
        routes=routes,
        devices=devices,
        needs=needs,
        changes_weights=exactness in ("int8", "pruned"),
        settings=settings,
        environment=environment or {},
    )


# fmt: off
CANDIDATES = (
    # exact, or nearly: nothing of the model changes
    _row("threads_1", "one compute thread", "threads:apply", "exact", ANY, devices=("cpu",), threads=1),
    _row("threads_all", "as many compute threads as there are CPUs", "threads:apply", "exact", ANY, devices=("cpu",), threads=0),
    _row("wait_active", "threads that spin while they wait", "threads:wait_policy", "exact", ANY, devices=("cpu",), environment={"OMP_WAIT_POLICY": "ACTIVE"}, policy="ACTIVE"),
    _row("wait_passive", "threads that sleep while they wait", "threads:wait_policy", "exact", ANY, devices=("cpu",), environment={"OMP_WAIT_POLICY": "PASSIVE"}, policy="PASSIVE"),
    _row("channels_last", "images with their channels innermost", "channels_last:apply", "exact", ("eager",)),
    _row("compile", "torch.compile", "compilation:apply", "exact", GRAPHS, needs=("compiler",)),
    _row("compile_freezing", "torch.compile with weights as constants", "compilation:apply", "exact", GRAPHS, needs=("compiler",), freezing=True),
    _row("compile_reduce_overhead", "torch.compile with CUDA graphs", "compilation:apply", "exact", GRAPHS, devices=("cuda",), needs=("compiler",), mode="reduce-overhead"),
    _row("compile_max_autotune", "torch.compile that tries kernels out", "compilation:apply", "exact", GRAPHS, needs=("compiler",), mode="max-autotune", freezing=True),
    # reduced precision
    _row("float32_as_bfloat16", "float32 products computed in bfloat16", "float32_precision:apply", "reduced", ANY, devices=("cpu",), needs=("bfloat16",), precision="bf16"),
    _row("float32_as_tf32", "float32 products computed in TF32", "float32_precision:apply", "reduced", ANY, devices=("cuda",), precision="tf32"),
    _row("bfloat16", "weights and arithmetic in bfloat16", "half_precision:apply", "reduced", ANY, needs=("bfloat16",), dtype="bfloat16"),
    _row("float16", "weights and arithmetic in float16", "half_precision:apply", "reduced", ANY, needs=("float16",), dtype="float16"),
    _row("bfloat16_autocast", "each operator in bfloat16 where it bears it", "half_precision:apply", "reduced", ANY, needs=("bfloat16",), dtype="bfloat16", autocast=True),
    _row("bfloat16_channels_last", "bfloat16, with channels innermost", "half_precision:apply", "reduced", ("eager",), needs=("bfloat16",), dtype="bfloat16", channels_last=True),
    _row("bfloat16_compile", "bfloat16, compiled with weights as constants", "half_precision:apply", "reduced", GRAPHS, needs=("bfloat16", "compiler"), dtype="bfloat16", freezing=True),
)
# fmt: on


def known_candidates() -> tuple[Candidate, ...]:
    """Return the table's rows, and those that installed packages bring.

    Raises MmiedError for an entry point that is no Candidate, or takes a name that is taken.
    """
    found = {candidate.name: candidate for candidate in CANDIDATES}
    for entry in metadata.entry_points(group=GROUP):
        try:
            candidate = entry.load()
        except Exception as error:
            raise MmiedError(f"entry point {entry.name} of {GROUP}: {type(error).__name__}: {error}") from error
        if not isinstance(candidate, Candidate):
            raise MmiedError(f"entry point {entry.name} of {GROUP}: is no mmied.optimization.Candidate")
        if candidate.name in found:
            raise MmiedError(f"entry point {entry.name} of {GROUP}: the name {candidate.name} is taken")
        found[candidate.name] = candidate
    return tuple(found.values())


def chosen_candidates(names: Iterable[str], known: Collection[Candidate]) -> tuple[Candidate, ...]:
    """Return the candidates of these names; one with a colon is the import path of a function of the user's own.

    Raises MmiedError for a name that is not known, with those that are.
    """
    by_name = {candidate.name: candidate for candidate in known}
    return tuple(by_name[name] if name in by_name else _own(name, by_name) for name in names)


def _own(name: str, known: Collection[str]) -> Candidate:
    if ":" not in name:
        raise MmiedError(f"candidate {name}: is not known. There are {', '.join(known)}, or package.module:function.")
    return Candidate(
        name=name.replace(":", ".").replace("/", "_"),
        summary="a function of your own",
        function=name,
        exactness="reduced",
        routes=ANY,
    )
