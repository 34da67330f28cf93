"""A real daemon searches for what makes a real model faster, shows it, and goes on after its own death."""

import json
import re
from collections.abc import Callable
from typing import Any

from daemon_process import Daemon

MakeDaemon = Callable[..., Daemon]


def work(**optimize: Any) -> dict[str, Any]:
    """A model whose time goes into matrix products, and how it is searched."""
    return {
        "name": "work",
        "source": {"factory": "tricks:Work", "arguments": {"rounds": 80}},
        "inputs": [{"shape": ["batch", 256]}],
        "batch_sizes": [1],
        "optimize": {"schedule": "1h", "budget": "60s", **optimize},
    }


def searches(daemon: Daemon) -> list[dict[str, Any]]:
    return list(json.loads(daemon.get("/api/runs?model=work&kind=optimize")))


def test_a_search_finds_what_helps_survives_a_kill_and_shows_it(make_daemon: MakeDaemon) -> None:
    daemon = make_daemon([work(candidates=["quicker:half", "tricks:refuse", "quicker:slow_to_make"])]).start()
    daemon.wait_for(
        lambda: "slow_to_make" in str((daemon.model("work")["optimization"] or {}).get("phase")),
        "the third candidate is under way",
        60,
    )
    daemon.kill()

    daemon.start()
    daemon.wait_for(lambda: searches(daemon) and searches(daemon)[0]["searched"]["finished"], "it was gone on with", 60)
    last, first = searches(daemon)
    assert (first["orphaned"], last["outcome"]) == (True, "succeeded")
    assert set(first["searched"]["verdicts"]) == {"quicker.half", "tricks.refuse"}
    assert set(last["searched"]["verdicts"]) == {"quicker.slow_to_make"}, "what was tried is not tried again"
    assert last["searched"]["began_at"] == first["searched"]["began_at"]
    assert last["searched"]["spent_seconds"] > first["searched"]["spent_seconds"] > 0
    model = daemon.model("work")
    assert (model["state"], model["consecutive_failures"]) == ("healthy", 0)
    assert model["optimization"]["expired"] == {}
    assert list(model["optimization"]["helps"]) == ["quicker.half"]
    assert model["optimization"]["helps"]["quicker.half"] > 1.2

    metrics = daemon.get("/metrics")
    assert 'mmied_candidate_verdict{candidate="quicker.half",model="work",verdict="helps"} 1.0' in metrics
    assert re.search(
        r'mmied_candidate_speedup_ratio\{bound="lower",candidate="quicker.half",model="work"\} [12]\.', metrics
    )
    assert 'mmied_candidate_verdict{candidate="tricks.refuse",model="work",verdict="not_tried"} 1.0' in metrics
    assert 'mmied_optimization_runs_total{model="work"} 2.0' in metrics
    page = daemon.get("/optimizations/work")
    assert "quicker.half" in page
    assert "there is no convolution in this model" in page
    assert list((daemon.folder / "state" / "runs").iterdir()) == []
