"""Hold a model's outputs against those that it gave for the same inputs before.

The drift ratio is the relative L2 distance of a sample of the floating outputs, ‖now − golden‖ ÷ ‖golden‖, or the
share of sampled integers and truth values that differ, whichever is larger. Other paths, shapes or dtypes are a drift
of 1, and so is a value that has become infinite or has ceased to be.
"""

import hashlib
import math
import random
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy
import torch
from torch.utils._pytree import tree_leaves

from mmied.bench.fidelity import output_tensors
from mmied.bench.session import Session
from mmied.records import Golden, ModelSpec, Workload

MOST_VALUES = 512  # over all outputs: 10 kB of JSON
UNSEEN_RATIO = 1e-9  # told where the outputs are not equal and the sampled ones are
GOLDEN_RATIO = (math.sqrt(5) - 1) / 2  # its multiples spread evenly; a plain step would look at one column alone


def look(session: Session, spec: ModelSpec, workload: Workload, *, run_id: str) -> Golden:
    """Call the model on its fixed inputs and return what it gave. Raises whatever the model raises.

    Random numbers are seeded, so that inputs that a factory draws and a model that samples are the same each time.
    """
    seed = spec.seed
    random.seed(seed)
    numpy.random.seed(seed % 2**32)
    with torch.random.fork_rng(), torch.inference_mode():
        torch.manual_seed(seed)
        args, kwargs = session.model.make(workload.batch_size)
        inputs = _digest_of_inputs(args, kwargs)
        torch.manual_seed(seed)
        return golden_of(
            session.model.call(*args, **kwargs),
            run_id=run_id,
            scenario=workload.scenario,
            revision=session.model.revision,
            inputs=inputs,
        )


def golden_of(output: Any, *, run_id: str, scenario: str, revision: str | None, inputs: str) -> Golden:
    """Return the sample and the digests of an output."""
    tensors = [(path, _plain(tensor)) for path, tensor in output_tensors(output)]
    structure, content = hashlib.sha256(), hashlib.sha256()
    for path, tensor in tensors:
        structure.update(f"{path} {tuple(tensor.shape)} {tensor.dtype}\n".encode())
        content.update(_bytes_of(tensor))
    floating: list[float | None] = []
    discrete: list[int] = []
    for tensor, positions in _positions([tensor for _, tensor in tensors]):
        values = tensor.reshape(-1)[positions]
        if tensor.is_floating_point():
            floating += [value if math.isfinite(value) else None for value in values.double().tolist()]
        else:
            discrete += [int(value) for value in values.tolist()]
    return Golden(
        at=time.time(),
        run_id=run_id,
        scenario=scenario,
        revision=revision,
        inputs=inputs,
        structure=structure.hexdigest(),
        content=content.hexdigest(),
        floating=tuple(floating),
        discrete=tuple(discrete),
    )


def drift_ratio(golden: Golden, now: Golden) -> float:
    """Return how far `now` is from `golden`: 0 for equal to the bit."""
    if now.structure != golden.structure:
        return 1.0
    if now.content == golden.content:
        return 0.0
    pairs = list(zip(golden.floating, now.floating, strict=True))
    if any((then is None) is not (new is None) for then, new in pairs):
        return 1.0
    finite = [(then, new) for then, new in pairs if then is not None and new is not None]
    distance = math.hypot(*(new - then for then, new in finite))
    norm = math.hypot(*(then for then, _ in finite))
    # An output of zeros has no scale: whatever is not zero now is as far from it as can be.
    relative = distance / norm if norm else float(distance > 0)
    differing = sum(then != new for then, new in zip(golden.discrete, now.discrete, strict=True))
    share = differing / len(golden.discrete) if golden.discrete else 0.0
    return max(relative, share, UNSEEN_RATIO)


def _positions(tensors: Sequence[torch.Tensor]) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Yield each tensor with the flat positions to look at: all of a small one, and of large ones equal parts."""
    left = MOST_VALUES
    quotas = {}
    for count, index in enumerate(sorted(range(len(tensors)), key=lambda index: tensors[index].numel())):
        quotas[index] = min(tensors[index].numel(), left // (len(tensors) - count))
        left -= quotas[index]
    for index, tensor in enumerate(tensors):
        wanted, size = quotas[index], tensor.numel()
        if wanted == size:
            yield tensor, torch.arange(size)
        else:
            spread = {int((step * GOLDEN_RATIO) % 1 * size) for step in range(1, wanted + 1)}
            yield tensor, torch.tensor(sorted(spread), dtype=torch.long)


def _plain(tensor: torch.Tensor) -> torch.Tensor:
    """Return a tensor of plain numbers in the memory of the host."""
    tensor = tensor.detach()
    if tensor.is_quantized:
        tensor = tensor.dequantize()
    if tensor.layout is not torch.strided:
        tensor = tensor.to_dense()
    if tensor.is_complex():
        tensor = torch.view_as_real(tensor.resolve_conj())
    return tensor.cpu().contiguous()


def _bytes_of(tensor: torch.Tensor) -> memoryview:
    return tensor.reshape(-1).view(torch.uint8).numpy().data


def _digest_of_inputs(args: Sequence[Any], kwargs: Mapping[str, Any]) -> str:
    """Return a digest of every tensor and every other value among the inputs."""
    digest = hashlib.sha256()
    for leaf in tree_leaves((tuple(args), dict(kwargs))):
        if isinstance(leaf, torch.Tensor):
            plain = _plain(leaf)
            digest.update(f"{tuple(plain.shape)} {plain.dtype}\n".encode())
            digest.update(_bytes_of(plain))
        elif isinstance(leaf, bool | int | float | str | bytes | None):
            digest.update(f"{leaf!r}\n".encode())
        else:
            digest.update(f"{type(leaf).__qualname__}\n".encode())  # its repr may hold an address
    return digest.hexdigest()
