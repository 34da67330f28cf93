"""Tell what changed from one environment to the next, as rows of the change ledger; pure."""

from collections.abc import Iterator, Mapping

from mmied import formats
from mmied.records import Environment, Event

MOST_TOLD = 6  # changed facts in one row
LIBRARIES = ("numpy", "safetensors", "transformers", "torchao", "onnxruntime", "openvino")

# The facts whose change is an event of each kind. One that stands nowhere here shows in the fingerprint alone.
HOST_FACTS: Mapping[str, tuple[str, ...]] = {
    "runtime_changed": ("torch", "python", "cuda", "libc", *LIBRARIES),
    "driver_changed": ("driver",),
    "clocks_changed": (
        "governor",
        "cpu_frequency_limit_hertz",
        "gpu_power_limit_watts",
        "gpu_clock_limit_hertz",
        "gpu_held_down",
    ),
    "host_changed": (
        "kernel",
        "cpu",
        "cpus",
        "cpu_flags",
        "cpu_capability",
        "memory_bytes",
        "gpu",
        "gpu_memory_bytes",
        "mig",
        "ecc",
    ),
    "limits_changed": (
        "cgroup_cpu_max",
        "cgroup_cpu_weight",
        "cgroup_memory_max",
        "cgroup_cpuset_cpus_effective",
        "affinity",
        "nice",
    ),
    "settings_changed": ("wait_policy",),
}
MODEL_FACTS: Mapping[str, tuple[str, ...]] = {
    "settings_changed": ("threads", "interop_threads", "dtype", "device", "inputs")
}
OF_DEVICE = ("gpu", "cuda", "driver", "mig", "ecc")  # a run on another device says nothing of these and of gpu_*
# Of NVML's reasons for held down clocks those that are no model's doing: hardware slowdown, heat twice, power brake.
HELD_DOWN = {0x8: "slowed by hardware", 0x20: "heat (driver)", 0x40: "heat (hardware)", 0x80: "power brake"}
UNTOLD = {"inputs": "the inputs"}  # whose values mean nothing to a reader


def events_between(
    before: Environment, after: Environment, *, at: float, model: str | None = None
) -> tuple[Event, ...]:
    """Return a row for each kind of change from `before` to `after`, seen at `at` (a Unix time).

    Without a `model` it is the host's facts that are looked at, else what the model's runs have of their own; that
    its file changed is told elsewhere. A fact that only one of the two has is none, as another device or another
    version of mmied may not tell it; but for a library, which was installed or removed.
    """
    then, now = facts_of(before), facts_of(after)
    found = []
    for kind, names in (HOST_FACTS if model is None else MODEL_FACTS).items():
        told = [_told(name, then, now) for name in names if _differ(name, then, now)]
        if told:
            found.append(Event(at=at, kind=kind, model=model, message=_joined(told)))
    return tuple(found)


def of_device(name: str) -> bool:
    """Tell whether a fact is a GPU's."""
    return name in OF_DEVICE or name.startswith("gpu_")


def _differ(name: str, then: Mapping[str, object], now: Mapping[str, object]) -> bool:
    comparable = name in LIBRARIES or (name in then and name in now)
    return comparable and then.get(name) != now.get(name)


def facts_of(environment: Environment) -> dict[str, str | int | float | bool | None]:
    """Return the lasting facts of an environment, and of the momentary ones what holds the clocks down."""
    facts = dict(environment.stable)
    reasons = environment.momentary.get("gpu_throttle_reasons")
    if isinstance(reasons, int):
        facts["gpu_held_down"] = ", ".join(_reasons(reasons)) or "nothing"
    return facts


def _reasons(bits: int) -> Iterator[str]:
    return (reason for bit, reason in HELD_DOWN.items() if bits & bit)


def _told(name: str, then: Mapping[str, object], now: Mapping[str, object]) -> str:
    if name in UNTOLD:
        return f"{UNTOLD[name]} became others"
    if name in LIBRARIES and name not in then:
        return f"{name} {now[name]} was installed"
    if name in LIBRARIES and name not in now:
        return f"{name} {then[name]} was removed"
    words = name.removesuffix("_bytes").removesuffix("_hertz").removesuffix("_watts").replace("_", " ")
    return f"{words} {_value(name, then[name])} became {_value(name, now[name])}"


def _value(name: str, value: object) -> str:
    if value is None:
        return "not set"
    return formats.fact(value, name) if isinstance(value, str | float | bool | int) else str(value)


def _joined(told: list[str]) -> str:
    more = f", and {len(told) - MOST_TOLD} more" if len(told) > MOST_TOLD else ""
    return ", ".join(told[:MOST_TOLD]) + more
