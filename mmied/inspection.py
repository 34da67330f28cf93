"""What the deep passes see inside a model: layers, operators, memory, arithmetic and the hardware meanwhile, as data.

Times, bytes and counts are of one forward pass in the mean, unless a name says otherwise. A `None` figure could not
be told; it is never a zero.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from mmied.records import Workload

LayerSource = Literal["events", "script", "unflattened", "hooks", "none"]
Direction = Literal["host_to_device", "device_to_host", "device_to_device", "memset"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One module of a model. Its figures hold its parts', but for `self_seconds`; shared parameters count once.

    `calls` is 0 for a module that a pass never calls. `allocated_bytes` is what was allocated while it ran, freed
    again or not; `kept_bytes` what of that was still there when it ended. `shared_as` are further names of the module.
    """

    name: str  # dotted, as named_modules gives it; "" is the model itself
    kind: str  # its class
    parent: int | None  # index of the layer that it is a part of; None for the first alone
    calls: float = 0.0
    seconds: float | None = None
    self_seconds: float | None = None
    device_seconds: float | None = None  # CUDA: of the kernels that it launched
    flops: float | None = None
    parameters: int = 0
    trainable_parameters: int = 0
    parameter_bytes: int = 0
    allocated_bytes: int | None = None
    kept_bytes: int | None = None
    output: str = ""  # the shape of its outputs: "8×64×256", "2 × 8×512", "dict of 3"
    shared_as: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Layers:
    """A model's modules with their times. `source` says how those were had.

    `path_changed` says that the model ran another way than it is served while it was looked at. `told_apart` is false
    where the layers' times are within the noise of one another, so that their order means nothing.
    """

    layers: tuple[Layer, ...]
    source: LayerSource
    calls: int  # that were recorded
    call_seconds: float | None  # of a recorded call
    bare_call_seconds: float | None = None  # of a call that nobody looked at
    path_changed: bool = False
    told_apart: bool = True
    notes: tuple[str, ...] = ()  # what a reader of the figures should know


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """All calls of one operator. `self_seconds` leaves out the operators that it calls, `allocated_bytes` holds theirs.

    `device_seconds` are of the kernels that it launched itself: over all operators they sum to the device's time.
    """

    name: str  # aten::addmm
    category: str  # a name of reports.kinds.KINDS
    calls: float
    seconds: float
    self_seconds: float
    device_seconds: float | None = None
    allocated_bytes: int | None = None
    flops: float | None = None
    shapes: str = ""  # of the inputs of its costliest call: "8×512, 512×1024"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kernel:
    """All launches of one kernel of the device."""

    name: str
    category: str
    calls: float
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """All copies (or fills) of one direction between the memories of host and device."""

    direction: Direction
    calls: float
    bytes: int | None
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class NvtxRange:
    """All passes through one range that the program marks with NVTX (or record_function)."""

    name: str
    calls: float
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Operators:
    """Where the time goes by operator, costliest first by own time; on CUDA also by kernel and transfer."""

    operators: tuple[Operator, ...]
    category_seconds: Mapping[str, float]  # own time by category; kernels' time on CUDA
    calls: int
    call_seconds: float
    bare_call_seconds: float | None = None
    kernels: tuple[Kernel, ...] = ()
    transfers: tuple[Transfer, ...] = ()
    ranges: tuple[NvtxRange, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Flops:
    """Floating point operations, a multiply-add counting two.

    `coverage_ratio` is the share of operators' own time that was spent in operators which can be counted, those that
    move memory left out; `uncounted` names the costliest of the others that might compute.
    """

    flops: float
    coverage_ratio: float | None
    by_operator: Mapping[str, float]
    by_layer: Mapping[str, float]  # by Layer.name, parts included
    uncounted: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Allocation:
    """One block of memory that a pass took, and gave back unless `freed_at_seconds` is None."""

    at_seconds: float
    bytes: int
    operator: str
    layer: str | None
    freed_at_seconds: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryTimeline:
    """Memory that tensors hold during one call, above what the loaded model holds.

    `at_seconds` counts from the start of the call; of many steps those are kept that draw the curve, its peak among
    them. `largest` are the largest blocks that lived at the peak.
    """

    space: Literal["host", "device"]
    at_seconds: tuple[float, ...]
    allocated_bytes: tuple[int, ...]
    peak_bytes: int
    average_bytes: int
    peak_at_seconds: float
    allocations: int
    frees: int
    traffic_bytes: int  # allocated in all
    peak_operator: str | None = None
    peak_layer: str | None = None
    largest: tuple[Allocation, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What the process and the host used while something ran: one entry a sample, `None` entries where unknown."""

    interval_seconds: float
    duration_seconds: float
    at_seconds: tuple[float, ...]
    process_cpus: tuple[float | None, ...]  # CPUs that the process kept busy
    host_cpu_ratio: tuple[float | None, ...]
    resident_bytes: tuple[int | None, ...]
    read_bytes_per_second: tuple[float | None, ...]  # of the process, from disks
    written_bytes_per_second: tuple[float | None, ...]
    network_bytes_per_second: tuple[float | None, ...]  # of the host, both ways, loopback left out
    gpu_utilization_ratio: tuple[float | None, ...] = ()
    gpu_memory_bytes: tuple[int | None, ...] = ()
    gpu_power_watts: tuple[float | None, ...] = ()
    cpus: int | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Attention:
    """The weights that one nn.MultiheadAttention gave on one sample, by head, query and key.

    `weights` holds the first of them, where there are many: of `heads`, `queries` and `keys` in all.
    """

    layer: str
    weights: tuple[tuple[tuple[float, ...], ...], ...]
    heads: int | None = None
    queries: int | None = None
    keys: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """How large a model is in memory; parameters that are shared count once."""

    parameters: int
    trainable_parameters: int
    parameter_bytes: int
    buffer_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """What the deep passes gave for one workload. A pass that failed stands in `failures` with a sentence."""

    workload: Workload
    layers: Layers | None = None
    operators: Operators | None = None
    flops: Flops | None = None
    timelines: tuple[MemoryTimeline, ...] = ()
    usage: Usage | None = None
    attentions: tuple[Attention, ...] = ()
    failures: Mapping[str, str] = field(default_factory=dict)
    pass_seconds: Mapping[str, float] = field(default_factory=dict)  # what each pass took
