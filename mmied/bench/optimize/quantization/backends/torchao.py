"""Quantize linear layers with torchao: weights become integer tensors, the modules stay what they are."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from mmied.bench.optimize.quantization.backend import Backend, Quantized, Request, selects

_NEEDS = {"torchao": "pip install 'mmied[quantization]'"}


@contextmanager
def quiet() -> Iterator[None]:
    """Keep torchao from telling on each import that its CUDA kernels do not load here."""
    loggers = [logging.getLogger(name) for name in ("torchao", "torch.utils._pytree")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def _linears(request: Request) -> dict[str, nn.Linear]:
    """Return the layers that torchao would take; it passes by subclasses that own their weights otherwise."""
    return {
        name: module
        for name, module in request.model.named_modules()
        if isinstance(module, nn.Linear)
        and type(module) is not nn.modules.linear.NonDynamicallyQuantizableLinear
        and selects(request.config, name)
    }


def _applicable(request: Request) -> str | None:
    if isinstance(request.model, torch.jit.ScriptModule):
        return "it knows eager modules, and a TorchScript model has none"
    linears = _linears(request)
    if not linears:
        return "the model has no nn.Linear layer that was asked for, and torchao knows no others"
    if any(linear.weight.dtype not in (torch.float32, torch.bfloat16) for linear in linears.values()):
        return "the linear layers are neither float32 nor bfloat16"
    wanted = request.config.backend == "auto" and request.config.quantization_type == "dynamic"
    if wanted and any(isinstance(module, nn.RNNBase) for module in request.model.modules()):
        return "it leaves recurrent layers as they are"
    return None


def _apply(request: Request) -> Quantized:
    linears = _linears(request)
    before = {name: linear.weight.numel() for name, linear in linears.items()}
    chosen = set(linears)
    with quiet():
        from torchao.quantization import quantize_

        quantize_(request.model, _settings(request), lambda module, name: name in chosen)
    changed = [name for name, linear in linears.items() if type(linear.weight.data) is not torch.Tensor]
    for linear in linears.values():
        # torchao puts a function on each instance that no pickle can hold; the class's own does as well.
        vars(linear).pop("extra_repr", None)
    notes = [
        "torchao's linear layers are slower than float32 ones until torch.compile fuses them; call what was compiled "
        "under torch.no_grad(), since inference mode forbids a second shape"
    ]
    if request.config.quantization_type == "weight_only" and request.config.bits == 4:
        notes.append("each 4-bit weight is kept in a byte: x86 has no packed kernel in this torchao")
    return Quantized(
        model=request.model,
        changed={"modules": len(changed), "parameters": sum(before[name] for name in changed)},
        notes=tuple(notes),
    )


def _settings(request: Request) -> Any:
    from torchao.quantization import (
        Int8DynamicActivationInt8WeightConfig,
        Int8WeightOnlyConfig,
        IntxWeightOnlyConfig,
        PerAxis,
        PerRow,
        PerTensor,
    )

    rows = PerRow() if request.config.per_channel else PerTensor()
    if request.config.quantization_type == "dynamic":
        return Int8DynamicActivationInt8WeightConfig(granularity=rows, set_inductor_config=False)
    if request.config.bits == 4:
        return IntxWeightOnlyConfig(
            weight_dtype=getattr(torch, "int4"),  # noqa: B009 - the stubs lack it
            granularity=PerAxis(0),
        )
    return Int8WeightOnlyConfig(granularity=rows, set_inductor_config=False)


BACKENDS = (
    Backend(
        name="torchao",
        types=("dynamic", "weight_only"),
        needs=_NEEDS,
        versions=("torch", "torchao"),
        good_for="it is maintained, and needs no example inputs",
        applicable=_applicable,
        apply=_apply,
    ),
)
