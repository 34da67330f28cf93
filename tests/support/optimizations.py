"""Searches and what they found, as the daemon's parts and the pages are tested with."""

from dataclasses import replace
from typing import Any

from builders import NOW, REVISION, failed, make_run, orphaned, refused

from mmied.optimization import Fidelity, Guard, ServingCost, StandingVerdict, Trial
from mmied.profiles import Accuracy, PairedRatio
from mmied.records import Environment, Run, Searched

ENVIRONMENT = Environment(fingerprint="f1", stable={"torch": "2.13"}, momentary={})  # that of builders.make_run
DAY = 86_400.0


def ratio(name: str, speedup: float, batch_size: int = 1, *, half: float = 0.05) -> PairedRatio:
    return PairedRatio(
        variant=name,
        batch_size=batch_size,
        pairs=24,
        speedup_ratio=speedup,
        lower=speedup - half,
        upper=speedup + half,
        control_lower=0.98,
        control_upper=1.02,
    )


def trial(name: str, verdict: str = "helps", speedup: float | None = 1.5, **changes: Any) -> Trial:
    """A trial that ended an hour ago; without a speed-up it was not timed."""
    timed = speedup is not None and verdict != "not_tried"
    figures: dict[str, Any] = {}
    if timed:
        assert speedup is not None
        figures = {
            "ratios": (ratio(name, speedup), ratio(name, speedup * 1.1, 8)),
            "fidelity": Fidelity(
                samples=64,
                finite=True,
                same_structure=True,
                worst_cosine=0.9998,
                relative_l2=0.004,
                max_abs=0.02,
                max_relative_error=0.01,
                top1_agreement=0.998,
            ),
            "guards": (Guard(name="cosine", met=True, shown="worst cosine 0.9998, has to be at least 0.999"),),
            "cost": ServingCost(load_seconds=0.4, first_call_seconds=2.0, peak_bytes=300, artifact_bytes=500),
            "baseline_cost": ServingCost(load_seconds=0.2, first_call_seconds=0.1, peak_bytes=400, artifact_bytes=1000),
            "convert_seconds": 3.0,
            "changed": {"modules": 12},
            "break_even_calls": 40_000.0,
        }
    whole = {"candidate": name, "verdict": verdict, "why": f"{name}: {verdict}", "at": NOW - 3600, "seconds": 40.0}
    return Trial(**whole | figures | changes)


def labelled(found: Trial) -> Trial:
    """The same with the accuracy of labelled samples."""
    accuracy = Accuracy(metric="accuracy", value=0.912, lower=0.89, upper=0.93, samples=800)
    return replace(
        found,
        accuracy=accuracy,
        baseline_accuracy=replace(accuracy, value=0.915),
        accuracy_change=(-0.003, -0.006, 0.001),
        predictions_changed=4,
        fidelity_only=False,
    )


def verdict(found: Trial, model: str = "ranker", **changes: Any) -> StandingVerdict:
    whole = StandingVerdict(
        model=model, trial=found, revision=REVISION, environment=ENVIRONMENT, batch_sizes=(1, 8), notes=()
    )
    return replace(whole, **changes)


def searched(number: int = 1000, **changes: Any) -> Run:
    """A part of a search that succeeded and left two candidates; keys of its `searched` may be given beside its own."""
    at = make_run(number).started_at + 40
    names = ("began_at", "round_at", "budget_seconds", "spent_seconds", "verdicts", "left", "finished")
    own = {name: changes.pop(name) for name in names if name in changes}
    found = Searched(
        **{
            "began_at": at,
            "round_at": at,
            "budget_seconds": 1800.0,
            "spent_seconds": 300.0,
            "verdicts": {"compile": "helps"},
            "left": ("bfloat16", "channels_last"),
        }
        | own
    )
    whole = {"run_id": f"search-{number:04}", "kind": "optimize", "started_at": at, "ended_at": at + 300, "results": ()}
    return make_run(number, **{**whole, "cpu_seconds": 290.0, "searched": found, **changes})


def search_failed(number: int = 1000, **changes: Any) -> Run:
    return _like_a_search(failed(number, **changes), number)


def search_refused(number: int = 1000, reason: str = "busy_cpu", **changes: Any) -> Run:
    return _like_a_search(refused(number, reason, **changes), number)


def search_orphaned(number: int = 1000, **changes: Any) -> Run:
    part = searched(number)
    return replace(_like_a_search(orphaned(number, **changes), number), searched=part.searched)


def _like_a_search(run: Run, number: int) -> Run:
    at = make_run(number).started_at + 40
    return replace(run, run_id=f"search-{number:04}", kind="optimize", started_at=at, ended_at=at + 300, results=())
