"""Write each kind of optimized model into files, and read it again."""

import io
import pickle
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from mmied.bench.optimize.graph_model import GraphModel
from mmied.bench.optimize.onnx_model import OnnxModel
from mmied.bench.optimize.openvino_model import OpenVinoModel
from mmied.bench.optimize.package_model import PackageModel
from mmied.bench.optimize.pickling import pickled, read_torchscript, torchscript_bytes
from mmied.bench.optimize.quantization.backends.torchao import quiet
from mmied.errors import ModelError

Files = Mapping[str, bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """How models of one kind become bytes, and come back with the facts that the manifest kept."""

    name: str
    holds: Callable[[nn.Module], bool]
    code: bool  # reading it may run what it holds
    write: Callable[[Any], Files]
    facts: Callable[[Any], dict[str, Any]]
    read: Callable[[Files, Mapping[str, Any]], nn.Module]


def format_of(model: nn.Module) -> Format:
    """Return the format that holds `model`."""
    return next(each for each in FORMATS if each.holds(model))


def format_named(name: str) -> Format:
    """Return the format of that name. Raises ModelError."""
    for each in FORMATS:
        if each.name == name:
            return each
    raise ModelError(f"{name}: is no format of a saved model that this mmied knows")


def _pickle(model: nn.Module) -> Files:
    _refuse_main(model)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about packed legacy weights
        try:
            return {"model.pt": pickled(model)}
        except (pickle.PicklingError, AttributeError, TypeError, RuntimeError, NotImplementedError) as error:
            raise ModelError(
                f"{type(model).__name__} cannot be saved: {error}. It goes on working here. To save it, move "
                "the classes and functions that it holds to the top level of a module (a lambda cannot be pickled), or "
                "take a backend whose file needs no class: 'onnxruntime', 'openvino'."
            ) from error


def _refuse_main(model: nn.Module) -> None:
    """Refuse classes of a script or notebook: their pickle can be written, and read nowhere else."""
    for name, module in model.named_modules():
        if type(module).__module__ == "__main__":
            raise ModelError(
                f"{name or 'the model'} is a {type(module).__qualname__} of __main__, which no other process can "
                "import, so that the saved file could not be loaded. Move the class into a module of its own."
            )


def _unpickle(files: Files, facts: Mapping[str, Any]) -> nn.Module:
    with quiet():  # of torchao, if it is that which the pickle imports
        try:
            model = torch.load(io.BytesIO(files["model.pt"]), weights_only=False)
        except (ImportError, AttributeError) as error:
            raise ModelError(f"the saved model's classes have to be importable where it is loaded: {error}") from error
        except RuntimeError as error:
            raise ModelError(f"the saved model cannot be loaded here: {str(error)[:300]}") from error
    if not isinstance(model, nn.Module):
        raise ModelError(f"the file holds a {type(model).__name__}, not a model")
    return model


def _write_graph(model: GraphModel) -> Files:
    return {"model.pt2": model.exported_bytes()}


def _read_graph(files: Files, facts: Mapping[str, Any]) -> nn.Module:
    with quiet():
        # Registers the operators that quantized graphs are made of.
        import torchao.quantization.pt2e.quantize_pt2e  # noqa: F401

        program = torch.export.load(io.BytesIO(files["model.pt2"]))
    return GraphModel(program.module(), **facts)


FORMATS: tuple[Format, ...] = (
    Format(
        name="onnx",
        holds=lambda model: isinstance(model, OnnxModel),
        code=False,
        write=lambda model: {"model.onnx": model.onnx},
        facts=lambda model: model.facts() | {"threads": model.threads},
        read=lambda files, facts: OnnxModel(files["model.onnx"], **facts),
    ),
    Format(
        name="openvino",
        holds=lambda model: isinstance(model, OpenVinoModel),
        code=False,
        write=lambda model: {"model.xml": model.xml, "model.bin": model.weights},
        facts=lambda model: model.facts() | {"threads": model.threads, "precision": model.precision},
        read=lambda files, facts: OpenVinoModel(files["model.xml"], files["model.bin"], **facts),
    ),
    Format(
        name="exported",
        holds=lambda model: isinstance(model, GraphModel),
        code=True,
        write=_write_graph,
        facts=lambda model: model.facts(),
        read=_read_graph,
    ),
    Format(
        name="package",
        holds=lambda model: isinstance(model, PackageModel),
        code=True,
        write=lambda model: {"model.pt2": model.package},
        facts=lambda model: model.facts() | {"device": model.device},
        read=lambda files, facts: PackageModel(files["model.pt2"], **facts),
    ),
    Format(
        name="torchscript",
        holds=lambda model: isinstance(model, torch.jit.ScriptModule),
        code=True,
        write=lambda model: {"model.ts": torchscript_bytes(model)},
        facts=lambda model: {"training": getattr(model, "training", None)},
        read=lambda files, facts: read_torchscript(files["model.ts"], facts["training"]),
    ),
    Format(
        name="pickle",
        holds=lambda model: True,
        code=True,
        write=_pickle,
        facts=lambda model: {},
        read=_unpickle,
    ),
)
