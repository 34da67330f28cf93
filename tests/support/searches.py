"""Searches as reports get them: some candidates of each verdict."""

from dataclasses import replace
from typing import Any

from profile_builders import make_environment

from mmied.optimization import Fidelity, Guard, Search, ServingCost, Trial
from mmied.profiles import Accuracy, PairedRatio

BASE_COST = ServingCost(load_seconds=0.4, first_call_seconds=0.05, peak_bytes=480_000_000, artifact_bytes=440_000_000)


def make_ratio(speedup: float, batch_size: int = 1, *, name: str = "bfloat16") -> PairedRatio:
    """A narrow interval, of 40 pairs."""
    return PairedRatio(
        variant=name,
        batch_size=batch_size,
        pairs=40,
        speedup_ratio=speedup,
        lower=speedup * 0.97,
        upper=speedup * 1.03,
        control_lower=0.99,
        control_upper=1.02,
    )


def make_trial(name: str = "bfloat16", *, speedup: float = 2.0, **changes: Any) -> Trial:
    """A candidate that helps, as far as outputs tell."""
    whole = Trial(
        candidate=name,
        verdict="helps",
        why=f"{speedup:.2f}× at batch size 1",
        at=1.79e9,
        seconds=31.0,
        ratios=(make_ratio(speedup, name=name), make_ratio(speedup * 1.2, 8, name=name)),
        guards=(Guard(name="finite", met=True, shown="outputs are finite"),),
        fidelity=Fidelity(
            samples=64,
            finite=True,
            same_structure=True,
            worst_cosine=0.9999,
            relative_l2=0.006,
            max_abs=0.02,
            top1_agreement=1.0,
        ),
        cost=ServingCost(load_seconds=0.3, first_call_seconds=0.2, peak_bytes=260_000_000, artifact_bytes=220_000_000),
        baseline_cost=BASE_COST,
        convert_seconds=1.2,
        changed={"tensors": 38, "parameters": 109_000_000},
        break_even_calls=420.0,
        lock_in=("torch",),
        settings={"dtype": "bfloat16"},
        notes=("outputs come back as float32",),
    )
    return replace(whole, **changes)


def with_accuracy(trial: Trial, change: tuple[float, float, float] = (-0.001, -0.004, 0.002)) -> Trial:
    """The trial, held against a thousand labels as well."""
    value = 0.94 + change[0]
    return replace(
        trial,
        accuracy=Accuracy(metric="accuracy", value=value, lower=value - 0.01, upper=value + 0.01, samples=1000),
        baseline_accuracy=Accuracy(metric="accuracy", value=0.94, lower=0.92, upper=0.95, samples=1000),
        accuracy_change=change,
        predictions_changed=3,
        fidelity_only=False,
    )


def make_search(*trials: Trial, **changes: Any) -> Search:
    """A night's search with an outcome of every kind, unless trials are given."""
    slower = Guard(name="relative L2 distance", met=False, shown="relative L2 distance 0.3, may be at most 0.05")
    some = trials or (
        make_trial("compile", speedup=1.05, verdict="does_not_help", why="1.05×: below what would be worthwhile"),
        make_trial("int8", verdict="does_not_help", why=slower.shown, ratios=(), guards=(slower,)),
        make_trial(),
        make_trial("bfloat16_compile", speedup=3.1, cost=replace(BASE_COST, peak_bytes=700_000_000)),
        make_trial("float16", speedup=1.2, verdict="cannot_tell", why="too wide to say", fit=False),
        make_trial(
            "openvino",
            verdict="does_not_help",
            why="died of SIGSEGV during “open”",
            outcome="crashed",
            log_tail="Segmentation fault <script>alert(1)</script>",
            ratios=(),
            guards=(),
            fidelity=None,
            cost=None,
            changed={},
            convert_seconds=None,
            break_even_calls=None,
        ),
        *(
            Trial(candidate=name, verdict="not_tried", why="needs a C++ compiler: install g++", at=1.79e9, seconds=0.0)
            for name in ("compile_freezing", "aot_package")
        ),
    )
    whole = Search(
        mmied_version="0.1.0",
        model="ranker",
        host="bench-1",
        device="cpu",
        format="exported",
        at=1.79e9,
        batch_sizes=(1, 8),
        budget_seconds=600.0,
        spent_seconds=412.0,
        minimum_effect_ratio=0.1,
        revision="ab" * 32,
        environment=make_environment(),
        trials=some,
        left=("onnxruntime",),
        notes=("Outputs were held against the deployed model's on random inputs.",),
    )
    return replace(whole, **changes)
