"""Open a deployed model from any of its kinds of source, ready to be called as it is served."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch

from mmied.bench.files import OpenedFile, open_trusted, require_kind
from mmied.bench.importing import import_callable
from mmied.bench.inputs import DTYPES, make_inputs, repeat_example
from mmied.bench.profilers.sizes import sizes_of
from mmied.errors import ModelError
from mmied.records import ModelSpec, Source

Inputs = tuple[tuple[Any, ...], dict[str, Any]]
_NO_EXAMPLE = "{}: was saved without example inputs. Declare `inputs` for {}, or give --inputs."


@dataclass(frozen=True, slots=True)
class OpenedModel:
    """A model that can be called. `make` gives the inputs for a batch size."""

    call: Callable[..., Any]
    make: Callable[[int], Inputs]
    revision: str | None  # SHA-256 over what was loaded; None for a module in memory
    artifact_bytes: int | None
    parameters: int | None
    digests: Mapping[str, str]
    example_batch: int | None = None  # of the inputs that the model itself brought along


def open_model(spec: ModelSpec, *, scratch: Path, known_digests: Mapping[str, str]) -> OpenedModel:
    """Open the model that `spec` describes, in evaluation mode, on its device and in its dtype.

    `scratch` is a private folder. Raises ModelError with a sentence for the operator.
    """
    opened: list[OpenedFile] = []
    try:
        return _open(spec, opened, scratch, known_digests)
    finally:
        for file in opened:
            file.stream.close()


def _open(spec: ModelSpec, opened: list[OpenedFile], scratch: Path, known_digests: Mapping[str, str]) -> OpenedModel:
    def open_file(path: str | None, *, code: bool) -> OpenedFile:
        assert path is not None  # the configuration makes sure
        trust = spec.source.trust if code or spec.source.kind == "factory" else None
        opened.append(open_trusted(path, trust, code=code, scratch=scratch, known_digests=known_digests))
        return opened[-1]

    make: Callable[[int], Inputs] = lambda batch_size: make_inputs(spec, batch_size)  # noqa: E731
    example_batch = None
    module: Any
    match spec.source.kind:
        case "torchscript":
            module = _open_torchscript(open_file(spec.source.path, code=True), spec)
            if not spec.inputs and hasattr(module, "get_all_bundled_inputs"):
                make, example_batch = _repeated(*_first_bundled(module), spec)
        case "exported":
            program = _open_exported(open_file(spec.source.path, code=True))
            module = program.module()
            if not spec.inputs:
                make, example_batch = _example_of(program, spec)
            module.to(spec.device, DTYPES[spec.dtype])
        case "package":
            module = _open_package(open_file(spec.source.path, code=True), spec)
        case "pickle":
            module = _open_pickle(open_file(spec.source.path, code=True))
            module = _serve(module, spec)
        case "factory":
            module = _open_factory(spec.source, open_file, seed=spec.seed)
            module = _serve(module, spec)
        case "optimized":
            module = _open_optimized(spec.source, open_file)
        case "huggingface":
            module = _serve(_open_huggingface(spec.source, open_file), spec)
            if not spec.inputs:
                make, example_batch = _repeated((), dict(module.dummy_inputs), spec)
    revision, artifact_bytes = _revision(spec.source, opened)
    return OpenedModel(
        call=module,
        make=make,
        revision=revision,
        artifact_bytes=artifact_bytes,
        parameters=sizes.parameters if (sizes := sizes_of(module)) else None,
        digests={file.identity: file.digest for file in opened},
        example_batch=example_batch,
    )


def require_device(device: str) -> None:
    """Raise ModelError when torch has no such device."""
    if not device.startswith("cuda"):
        return
    if not torch.cuda.is_available():
        raise ModelError(f"device {device}: torch {torch.__version__} finds no CUDA device on this host")
    if (torch.device(device).index or 0) >= torch.cuda.device_count():
        raise ModelError(f"device {device}: this host has {torch.cuda.device_count()} CUDA devices, counted from 0")


def _serve(module: Any, spec: ModelSpec) -> torch.nn.Module:
    if not isinstance(module, torch.nn.Module):
        raise ModelError(
            f"{spec.source.factory or spec.source.path}: gave a {type(module).__name__}, not a torch.nn.Module"
        )
    return module.eval().to(spec.device, DTYPES[spec.dtype])


def _open_torchscript(file: OpenedFile, spec: ModelSpec) -> Any:
    require_kind(file, "torchscript")
    try:
        module = torch.jit.load(file.path, map_location=spec.device)
    except RuntimeError as error:
        raise ModelError(f"{file.name}: torch.jit.load: {_first_line(error)}") from error
    module.eval()
    # Unchanged where it is what it says: `to` would make copies of what the file already shares.
    return module if spec.dtype == "float32" else module.to(DTYPES[spec.dtype])


def _open_exported(file: OpenedFile) -> Any:
    require_kind(file, "exported")
    try:
        return torch.export.load(file.stream)
    except Exception as error:
        raise ModelError(f"{file.name}: torch.export.load: {type(error).__name__}: {_first_line(error)}") from error


def _open_package(file: OpenedFile, spec: ModelSpec) -> Any:
    require_kind(file, "package")
    index = torch.device(spec.device).index
    try:
        return torch._inductor.aoti_load_package(file.stream, device_index=-1 if index is None else index)
    except Exception as error:
        raise ModelError(f"{file.name}: aoti_load_package: {type(error).__name__}: {_first_line(error)}") from error


def _open_pickle(file: OpenedFile) -> Any:
    require_kind(file, "pickle")
    try:
        return torch.load(file.stream, weights_only=False, map_location="cpu")
    except Exception as error:
        raise ModelError(f"{file.name}: torch.load: {type(error).__name__}: {_first_line(error)}") from error


def _open_optimized(source: Source, open_file: Callable[..., OpenedFile]) -> Any:
    """Return what save_optimized wrote, as it is: its precision is its own, and not the deployment's."""
    from mmied.bench.optimize.manifest import NAME, read_manifest  # with the libraries of its kind
    from mmied.bench.optimize.saving import load_optimized

    folder = Path(str(source.path))
    with open_file(str(folder / NAME), code=True).stream as stream:
        manifest = read_manifest(stream.read().decode(errors="replace"), folder / NAME)
    if not manifest.files:
        raise ModelError(
            f"{folder}: holds no model: {manifest.recipe.kind} is made by its script, out of the deployed model"
        )
    for name in manifest.files:  # read again by what checks their hashes; here they count for size and revision
        open_file(str(folder / name), code=False)
    return load_optimized(folder, trust=source.trust)


def _open_factory(source: Source, open_file: Callable[..., OpenedFile], *, seed: int) -> Any:
    """Return what the factory makes; weights that it draws are the same in every process, as random inputs are."""
    assert source.factory is not None
    factory = import_callable(source.factory)
    try:
        with torch.random.fork_rng(devices=()):
            torch.manual_seed(seed)
            module = factory(**source.arguments)
    except Exception as error:
        raise ModelError(f"{source.factory}: raised {type(error).__name__}: {_first_line(error)}") from error
    if source.weights is not None:
        file = open_file(source.weights, code=False)
        try:
            module.load_state_dict(_read_weights(file), assign=True)
        except ModelError:
            raise
        except Exception as error:
            raise ModelError(f"{file.name}: does not fit {source.factory}: {_first_line(error)}") from error
    return module


def _read_weights(file: OpenedFile) -> dict[str, torch.Tensor]:
    if file.name.endswith(".safetensors"):
        require_kind(file, "safetensors")
        from safetensors.torch import load_file

        return load_file(file.path)
    try:
        return torch.load(file.stream, weights_only=True, map_location="cpu")  # type: ignore[no-any-return]
    except Exception as error:
        raise ModelError(
            f"{file.name}: is not a plain file of weights: {_first_line(error)}. "
            "Save `module.state_dict()`, best with safetensors."
        ) from error


def _open_huggingface(source: Source, open_file: Callable[..., OpenedFile]) -> Any:
    try:
        import transformers
    except ImportError as error:
        raise ModelError(
            "huggingface: the `transformers` package is missing. `pip install mmied[huggingface]`."
        ) from error
    folder = Path(str(source.path))
    try:
        architecture = json.loads((folder / "config.json").read_text())["architectures"][0]
        cls = getattr(transformers, architecture)
    except (OSError, ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        raise ModelError(
            f"{folder}: no config.json with an `architectures` entry "
            f"that transformers {transformers.__version__} knows: {_first_line(error)}"
        ) from error
    for path in sorted(folder.glob("*.safetensors")) or sorted(folder.glob("*.bin")):
        open_file(str(path), code=False)
    try:
        return cls.from_pretrained(folder, local_files_only=True, trust_remote_code=False, weights_only=True)
    except Exception as error:
        raise ModelError(f"{folder}: from_pretrained: {type(error).__name__}: {_first_line(error)}") from error


def _example_of(program: Any, spec: ModelSpec) -> tuple[Callable[[int], Inputs], int]:
    if program.example_inputs is None:
        raise ModelError(_NO_EXAMPLE.format(spec.source.path, spec.name))
    args, kwargs = program.example_inputs
    return _repeated(args, kwargs, spec)


def _first_bundled(module: Any) -> tuple[Any, Any]:
    examples = module.get_all_bundled_inputs()
    return (examples[0] if examples else ()), {}


def _repeated(args: Any, kwargs: Any, spec: ModelSpec) -> tuple[Callable[[int], Inputs], int]:
    """Return what repeats an example call for a batch size, and the example's own."""
    leaves = torch.utils._pytree.tree_leaves((args, kwargs))
    tensors = [leaf for leaf in leaves if isinstance(leaf, torch.Tensor) and leaf.dim()]
    if not tensors:
        raise ModelError(_NO_EXAMPLE.format(spec.source.path, spec.name))
    batch = int(tensors[0].shape[0])
    return lambda batch_size: repeat_example(args, kwargs, batch, batch_size, spec), batch


def _revision(source: Source, opened: list[OpenedFile]) -> tuple[str, int]:
    """Return the digest of what was loaded, and its bytes: the file's own digest where a single file is the model."""
    size_bytes = sum(file.size_bytes for file in opened)
    if source.factory is None and len(opened) == 1:
        return opened[0].digest, size_bytes
    told = {"factory": source.factory, "arguments": dict(source.arguments), "files": [file.digest for file in opened]}
    if source.kind == "huggingface":
        told["config"] = (Path(str(source.path)) / "config.json").read_text()
    return sha256(json.dumps(told, sort_keys=True, default=str).encode()).hexdigest(), size_bytes


def _first_line(error: Exception) -> str:
    """Return the first line that says something of an error whose text may run over pages."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__)[:500]
