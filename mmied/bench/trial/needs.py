"""Tell whether what a candidate needs is there: a library, a compiler, units of the processor, the user's data."""

import importlib.util
import shutil
from collections.abc import Callable, Collection
from dataclasses import dataclass

EXTRAS = {
    "onnx": "onnx",
    "onnxruntime": "onnx",
    "onnxscript": "onnx",
    "openvino": "openvino",
    "nncf": "openvino",
    "torchao": "quantization",
    "torch_pruning": "pruning",
    "torch_tensorrt": "tensorrt",
}  # which extra of ours brings a module


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """What a model's host has, as far as candidates ask for it."""

    cpu_flags: frozenset[str]
    calibration: bool
    fine_tune: bool
    find_module: Callable[[str], object] = importlib.util.find_spec
    find_program: Callable[[str], str | None] = shutil.which


_FLAGS = {
    "bfloat16": ("amx_bf16", "avx512_bf16"),
    "float16": ("avx512_fp16", "asimddp"),
    "int8": ("avx512_vnni", "amx_int8", "avx_vnni", "avx2"),
}


def missing(needs: Collection[str], host: Host, device: str) -> str | None:
    """Return what is missing of `needs`, as a sentence with what to do; None when all is there."""
    for need in needs:
        said = _missing(need, host, device)
        if said is not None:
            return said
    return None


def _missing(need: str, host: Host, device: str) -> str | None:
    match need:
        case "calibration":
            return None if host.calibration else "needs real inputs to calibrate by: give `calibration` data"
        case "fine_tune":
            return None if host.fine_tune else "needs a function that trains the pruned model: give `fine_tune`"
        case "compiler":
            there = any(host.find_program(name) for name in ("g++", "clang++", "c++"))
            return None if there else "needs a C++ compiler: install g++"
        case "bfloat16" | "float16" | "int8":
            if not device.startswith("cpu") or host.cpu_flags & set(_FLAGS[need]):
                return None
            return f"this processor has no {need} units ({', '.join(_FLAGS[need])})"
        case module:
            try:
                there = host.find_module(module) is not None
            except (ImportError, ValueError):
                there = False
            extra = EXTRAS.get(module)
            hint = f'pip install "mmied[{extra}]"' if extra else f"pip install {module}"
            return None if there else f"needs the package {module}: {hint}"
