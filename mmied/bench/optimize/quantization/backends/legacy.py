"""Quantize with torch.ao.quantization, which torch has announced to remove: it still serves what nothing else does."""

import warnings
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from mmied.bench.optimize.quantization.backend import Backend, Quantized, Request, selects

_NEEDS = {"torch.ao.quantization": "this torch has removed it; take backend='torchao' or 'onnxruntime'"}
_DYNAMIC = (nn.Linear, nn.LSTM, nn.GRU)
_NOTE = "torch has announced the removal of torch.ao.quantization: a later torch may not load this model"


def _layers(request: Request) -> dict[str, nn.Module]:
    return {
        name: module
        for name, module in request.model.named_modules()
        if type(module) in _DYNAMIC and selects(request.config, name)
    }


def _applicable(request: Request) -> str | None:
    if isinstance(request.model, torch.jit.ScriptModule):
        return "it knows eager modules, and a TorchScript model has none"
    if any(tensor.is_cuda for tensor in request.model.parameters()):
        return "its integer kernels run on the CPU alone"
    if not torch.backends.quantized.supported_engines or torch.backends.quantized.engine == "none":
        return "this build of torch has no kernels for it"
    if any(tensor.is_floating_point() and tensor.dtype is not torch.float32 for tensor in request.model.parameters()):
        return "the model is not float32"
    return None


def _dynamic_applicable(request: Request) -> str | None:
    reason = _applicable(request)
    if reason is None and not _layers(request):
        return "the model has no nn.Linear, nn.LSTM or nn.GRU that was asked for"
    return reason


def _apply_dynamic(request: Request) -> Quantized:
    layers = _layers(request)
    parameters = {name: sum(p.numel() for p in layer.parameters()) for name, layer in layers.items()}
    root: nn.Module = nn.ModuleDict({"model": request.model})  # so that a model that is one layer can be exchanged
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from torch.ao import quantization as ao

        per_channel = request.config.per_channel
        qconfig = ao.per_channel_dynamic_qconfig if per_channel else ao.default_dynamic_qconfig
        # Recurrent layers have kernels for one scale a tensor alone.
        chosen: dict[str, Any] = {
            f"model.{name}".rstrip("."): qconfig if isinstance(layer, nn.Linear) else ao.default_dynamic_qconfig
            for name, layer in layers.items()
        }
        ao.quantize_dynamic(root, chosen, dtype=torch.qint8, inplace=True)
    model = root.get_submodule("model")
    changed = [name for name in layers if "quantized" in type(model.get_submodule(name)).__module__]
    _leave_fused_path(model)
    return Quantized(
        model=model,
        changed={"modules": len(changed), "parameters": sum(parameters[name] for name in changed)},
        notes=(_NOTE,),
    )


def _leave_fused_path(model: nn.Module) -> None:
    """Keep encoder layers from the fused kernel, which reads float weights that quantized layers have not.

    The layer asks this field whether its activation has a fused form; the activation itself stays.
    """
    for layer in model.modules():
        if isinstance(layer, nn.TransformerEncoderLayer) and not isinstance(layer.linear1, nn.Linear):
            layer.activation_relu_or_gelu = 0


def _static_applicable(request: Request) -> str | None:
    reason = _applicable(request)
    if reason is None and request.config.modules:
        return "its static quantization cannot be limited to some modules"
    return reason


def _apply_static(request: Request) -> Quantized:
    examples: Sequence[Any] = request.examples
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from torch.ao import quantization as ao
        from torch.ao.quantization import quantize_fx

        engine = torch.backends.quantized.engine
        mapping = ao.get_default_qconfig_mapping(engine if engine in ("x86", "fbgemm", "onednn", "qnnpack") else "x86")
        if not request.config.per_channel:
            plain = ao.QConfig(activation=ao.default_histogram_observer, weight=ao.default_weight_observer)
            mapping = ao.QConfigMapping().set_global(plain)
        prepared = quantize_fx.prepare_fx(request.model, mapping, example_inputs=examples[0][0])
        with torch.no_grad():
            for args, kwargs in examples:
                prepared(*args, **kwargs)
        model: nn.Module = quantize_fx.convert_fx(prepared)
    changed = [module for module in model.modules() if _has_integer_weight(module)]
    return Quantized(
        model=model,
        changed={
            "modules": len(changed),
            "parameters": sum(module.weight().numel() for module in changed),  # type: ignore[operator]
        },
        notes=(_NOTE,),
    )


def _has_integer_weight(module: nn.Module) -> bool:
    return "quantized" in type(module).__module__ and callable(getattr(module, "weight", None))


BACKENDS = (
    Backend(
        name="legacy",
        types=("dynamic",),
        needs=_NEEDS,
        versions=("torch",),
        good_for="it is the one that knows recurrent layers without example inputs",
        applicable=_dynamic_applicable,
        apply=_apply_dynamic,
    ),
    Backend(
        name="legacy",
        types=("static",),
        needs=_NEEDS,
        versions=("torch",),
        good_for="no maintained way is installed, or fits",
        applicable=_static_applicable,
        apply=_apply_static,
    ),
)
