"""Every way to serve a model that mmied tries, as rows of a table; a user's own come by import path or entry point."""

from collections.abc import Collection, Iterable
from importlib import metadata

from mmied.errors import MmiedError
from mmied.optimization import Candidate, Exactness, Route

GROUP = "mmied.candidates"  # entry points that are a Candidate each
ANY: tuple[Route, ...] = ("eager", "exported", "torchscript")
GRAPHS: tuple[Route, ...] = ("eager", "exported")

_HERE = "mmied.bench.candidates"
_ONNX = ("onnx", "onnxscript", "onnxruntime")


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
    reports_only: bool = False,
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
        reports_only=reports_only,
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
    _row("batch_size_x4", "four requests answered together", "batch_size:apply", "exact", ANY, times=4),
    _row("batch_size_x16", "sixteen requests answered together", "batch_size:apply", "exact", ANY, times=16),
    _row("channels_last", "images with their channels innermost", "channels_last:apply", "exact", ("eager",)),
    _row("conv_bn_fusion", "batch norms folded into convolutions", "conv_bn_fusion:apply", "exact", ("eager",)),
    _row("attention_flash", "attention in tiles that stay in the cache", "attention:apply", "exact", ANY, backend="flash"),
    _row("attention_efficient", "attention with little memory", "attention:apply", "exact", ANY, devices=("cuda",), backend="efficient"),
    _row("attention_cudnn", "attention by cuDNN", "attention:apply", "exact", ANY, devices=("cuda",), backend="cudnn"),
    _row("attention_math", "attention as plain products", "attention:apply", "exact", ANY, backend="math"),
    _row("compile", "torch.compile", "compilation:apply", "exact", ANY, needs=("compiler",)),
    _row("compile_freezing", "torch.compile with weights as constants", "compilation:apply", "exact", ANY, needs=("compiler",), freezing=True),
    _row("compile_reduce_overhead", "torch.compile with CUDA graphs", "compilation:apply", "exact", ANY, devices=("cuda",), needs=("compiler",), mode="reduce-overhead"),
    _row("compile_max_autotune", "torch.compile that tries kernels out", "compilation:apply", "exact", ANY, needs=("compiler",), mode="max-autotune", freezing=True),
    _row("aot_package", "compiled ahead into a file", "aot_package:apply", "exact", ANY, needs=("compiler",)),
    _row("cuda_graphs", "calls recorded once and replayed", "cuda_graphs:apply", "exact", ANY, devices=("cuda",)),
    _row("onnxruntime", "ONNX Runtime in float32", "onnx_runtime:apply", "exact", ANY, devices=("cpu",), needs=_ONNX),
    _row("openvino", "OpenVINO in float32", "openvino_runtime:apply", "exact", ANY, devices=("cpu",), needs=("openvino",), precision="f32"),
    # reduced precision
    _row("float32_as_bfloat16", "float32 products computed in bfloat16", "float32_precision:apply", "reduced", ANY, devices=("cpu",), needs=("bfloat16",), precision="bf16"),
    _row("float32_as_tf32", "float32 products computed in TF32", "float32_precision:apply", "reduced", ANY, devices=("cuda",), precision="tf32"),
    _row("bfloat16", "weights and arithmetic in bfloat16", "half_precision:apply", "reduced", ANY, needs=("bfloat16",), dtype="bfloat16"),
    _row("float16", "weights and arithmetic in float16", "half_precision:apply", "reduced", ANY, needs=("float16",), dtype="float16"),
    _row("bfloat16_autocast", "each operator in bfloat16 where it bears it", "half_precision:apply", "reduced", ANY, needs=("bfloat16",), dtype="bfloat16", autocast=True),
    _row("float16_autocast", "each operator in float16 where it bears it", "half_precision:apply", "reduced", ANY, needs=("float16",), dtype="float16", autocast=True),
    _row("bfloat16_channels_last", "bfloat16, with channels innermost", "half_precision:apply", "reduced", ("eager",), needs=("bfloat16",), dtype="bfloat16", channels_last=True),
    _row("bfloat16_fused", "bfloat16, with channels innermost and norms folded", "conv_bn_fusion:apply", "reduced", ("eager",), needs=("bfloat16",), dtype="bfloat16"),
    _row("bfloat16_compile", "bfloat16, compiled with weights as constants", "half_precision:apply", "reduced", ANY, needs=("bfloat16", "compiler"), dtype="bfloat16", freezing=True),
    _row("bfloat16_package", "bfloat16, compiled ahead into a file", "aot_package:apply", "reduced", ANY, needs=("bfloat16", "compiler"), dtype="bfloat16"),
    _row("openvino_bfloat16", "OpenVINO in bfloat16", "openvino_runtime:apply", "reduced", ANY, devices=("cpu",), needs=("openvino", "bfloat16"), precision="bf16"),
    _row("float8", "linear layers in float8, compiled", "float8:apply", "int8", ("eager",), devices=("cuda",), needs=("torchao", "compiler")),
    _row("tensorrt", "TensorRT in float16", "tensorrt:apply", "reduced", ANY, devices=("cuda",), needs=("torch_tensorrt",)),
    # 8 and 4 bits: scales found in each call
    _row("onnxruntime_int8_dynamic", "ONNX Runtime with 8-bit weights", "quantization:apply", "int8", ANY, devices=("cpu",), needs=_ONNX, kind="dynamic", backend="onnxruntime"),
    _row("pt2e_int8_dynamic_compile", "8-bit weights in a graph, compiled", "quantization:apply", "int8", GRAPHS, devices=("cpu",), needs=("torchao", "compiler"), kind="dynamic", backend="pt2e", lower="compile"),
    _row("pt2e_int8_dynamic_package", "8-bit weights in a graph, compiled ahead into a file", "quantization:apply", "int8", GRAPHS, devices=("cpu",), needs=("torchao", "compiler"), kind="dynamic", backend="pt2e", lower="package"),
    _row("torchao_int8_dynamic_compile", "8-bit linear layers, compiled", "quantization:apply", "int8", ("eager",), needs=("torchao", "compiler"), kind="dynamic", backend="torchao", lower="compile"),
    _row("legacy_int8_dynamic", "8-bit linear and recurrent layers of torch itself", "quantization:apply", "int8", ("eager",), devices=("cpu",), kind="dynamic", backend="legacy"),
    _row("script_int8_dynamic", "8-bit linear layers in TorchScript", "script_int8:apply", "int8", ("torchscript",), devices=("cpu",)),
    # scales found ahead, by calibration data
    _row("openvino_int8_static", "OpenVINO in 8 bits, calibrated", "quantization:apply", "int8", ANY, devices=("cpu",), needs=("openvino", "nncf", "calibration"), kind="static", backend="openvino"),
    _row("pt2e_int8_static_compile", "a graph in 8 bits, calibrated and compiled", "quantization:apply", "int8", GRAPHS, devices=("cpu",), needs=("torchao", "compiler", "calibration"), kind="static", backend="pt2e", lower="compile"),
    _row("pt2e_int8_static_package", "a graph in 8 bits, calibrated and compiled ahead into a file", "quantization:apply", "int8", GRAPHS, devices=("cpu",), needs=("torchao", "compiler", "calibration"), kind="static", backend="pt2e", lower="package"),
    _row("legacy_int8_static", "layers of torch itself in 8 bits, calibrated", "quantization:apply", "int8", ("eager",), devices=("cpu",), needs=("calibration",), kind="static", backend="legacy"),
    _row("onnxruntime_int8_static", "ONNX Runtime in 8 bits, calibrated", "quantization:apply", "int8", ANY, devices=("cpu",), needs=(*_ONNX, "calibration"), kind="static", backend="onnxruntime"),
    # weights alone
    _row("torchao_int8_weights_compile", "8-bit linear weights, compiled", "quantization:apply", "int8", ("eager",), needs=("torchao", "compiler"), kind="weight_only", backend="torchao", lower="compile"),
    _row("torchao_int4_weights_compile", "4-bit linear weights, compiled", "quantization:apply", "int8", ("eager",), devices=("cpu",), needs=("torchao", "compiler"), kind="weight_only", backend="torchao", bits=4, lower="compile"),
    _row("int4_weights", "4-bit linear weights in packed kernels, compiled", "int4_weights:apply", "int8", ("eager",), devices=("cuda",), needs=("torchao", "compiler")),
    # pruning: without training the accuracy is what there is to see, not the speed
    _row("prune_structured_30", "30 % of the channels taken out, with training after it", "pruning:apply", "pruned", ("eager",), needs=("torch_pruning", "fine_tune"), method="structured", amount=0.3, tuned=True),
    _row("prune_structured_30_untuned", "30 % of the channels taken out", "pruning:apply", "pruned", ("eager",), needs=("torch_pruning",), reports_only=True, method="structured", amount=0.3),
    _row("prune_unstructured_90", "90 % of the weights zero", "pruning:apply", "pruned", GRAPHS, reports_only=True, method="magnitude", amount=0.9),
    _row("sparse_2_of_4", "two of four weights zero, with training after it", "semi_structured:apply", "pruned", ("eager",), devices=("cuda",), needs=("fine_tune",)),
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


def as_asked(name: str) -> str:
    """Return by what a search is asked for the candidate of this name.

    A function of the user's own is named after its import path, with a dot for the colon: names are labels and
    folders. No row of the table has a dot in its name.
    """
    return name if "." not in name else ":".join(name.rsplit(".", 1))
