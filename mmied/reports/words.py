"""Say in words what the records say in terms: phases, workloads, estimators, and why a quantile is withheld."""

from mmied.catalog import FAILURE_REASONS, SKIP_REASONS
from mmied.formats import seconds
from mmied.records import LatencySummary, Workload, WorkloadResult
from mmied.stats import required_samples

SYMBOLS = {  # beside the word, so that colour is never alone
    "healthy": "●",
    "succeeded": "●",
    "running": "▶",
    "waiting": "○",
    "refused": "◧",
    "regressed": "▲",
    "failing": "▲",
    "failed": "▲",
    "timed_out": "▲",
    "crashed": "✖",
    "quarantined": "✖",
}
PHASES = {
    "import": "importing",
    "load": "loading",
    "compile": "compiling",
    "first_call": "first call of",
    "warmup": "warming up",
    "measure": "measuring",
    "check": "checking",
    "golden": "comparing outputs",
    "inspect": "inspecting",
    "done": "finishing",
}
ESTIMATORS = {
    "clean": "clean iterations",
    "wall_minus_wait": "wall minus wait",
    "device": "device events",
}
ESTIMATORS_EXPLAINED = {
    "clean": "Only the iterations in which no thread of the worker waited for a CPU stand behind these figures.",
    "wall_minus_wait": "Too few iterations were clean, so the time that the worker waited for a CPU was taken from "
    "each iteration's wall-clock time.",
    "device": "The device itself took the time, between one event before the call and one after it.",
}

LAYER_SOURCES = {
    "events": "the profiler's module events",
    "script": "the profiler's events of scripted code",
    "unflattened": "the exported graph, put back into its modules",
    "hooks": "hooks around each module",
    "none": "nothing: the layers could not be timed",
}


def plain(term: str) -> str:
    """Return a term of the records as words: timed_out is "timed out"."""
    return term.replace("_", " ")


def sentence(said: str) -> str:
    """Return what was noted with its full stop."""
    return said if said.endswith((".", "!", "?")) else f"{said}."


def phase(term: str | None) -> str:
    """Return what a worker in this phase is doing: "measure b8" is "measuring b8"."""
    if not term:
        return "starting"
    verb, _, scenario = term.partition(" ")
    return f"{PHASES.get(verb, plain(verb))} {scenario}".strip()


def workload(work: Workload) -> str:
    """Return how a scenario calls the model."""
    pace = f"{seconds(work.gap_seconds)} between calls" if work.gap_seconds else "back to back"
    return f"batch of {work.batch_size:,}, {pace}"


def reason(term: str | None) -> str:
    """Return what a failure's or a refusal's reason means; the empty string for none."""
    return FAILURE_REASONS.get(term or "") or SKIP_REASONS.get(term or "", "")


def quantile_name(key: str) -> str:
    """Return the name of a quantile that a summary has under `key`: "0.95" is p95."""
    return f"p{100 * float(key):g}"


def withheld(latency: LatencySummary, key: str, *, wall: bool = False) -> str:
    """Return why a summary lacks the quantile under `key`, of its own or of its wall-clock figures."""
    has = latency.iterations if wall else max(latency.samples, latency.pooled_samples or 0)
    return f"withheld: needs {required_samples(float(key)):,} samples, has {has:,}"


def workload_name(result: WorkloadResult) -> str:
    """Return the scenario of `result`, with the precision where it is not the model's own."""
    work = result.workload
    return work.scenario if work.precision is None else f"{work.scenario} {work.precision}"
