"""A reload takes what can be taken, and says what waits for a restart."""

from pathlib import Path

from builders import B1, B8, make_config, make_model

from mmied.config import Hardware
from mmied.config.values import Address
from mmied.daemon.reloading import differences, needs_restart, with_restart_bound

RUNNING = make_config(make_model("a"))


def test_a_configuration_that_did_not_change_needs_no_restart() -> None:
    assert needs_restart(RUNNING, make_config(make_model("a"))) == ()


def test_models_and_budgets_take_effect_at_once() -> None:
    fresh = make_config(make_model("b"), budget={"cpu_ratio": 0.5}, history={"retention_seconds": 5.0})

    assert needs_restart(RUNNING, fresh) == ()
    assert with_restart_bound(fresh, RUNNING) == fresh


def test_each_setting_that_waits_for_a_restart_is_told_and_stays_as_it_runs() -> None:
    fresh = make_config(
        make_model("b"),
        state=Path("/elsewhere"),
        http={"listen": Address(host="::1", port=1)},
        history={"url": "postgresql://db/mmied", "retention_seconds": 5.0},
        hardware=Hardware(interval=60),
    )
    told = needs_restart(RUNNING, fresh)
    taken = with_restart_bound(fresh, RUNNING)

    assert [sentence.split("`")[1] for sentence in told] == ["state", "http.listen", "history.url", "hardware.interval"]
    assert all("restart" in sentence for sentence in told)
    assert (taken.state, taken.http, taken.hardware) == (RUNNING.state, RUNNING.http, RUNNING.hardware)
    assert (taken.history.url, taken.history.retention_seconds) == (None, 5.0)
    assert taken.models == fresh.models


def test_what_a_reload_changed_of_the_models_is_told_in_words() -> None:
    old = [make_model("a", threads=2, workloads=(B1, B8)), make_model("gone"), make_model("same")]
    fresh = [make_model("a", threads=1, workloads=(B1,), seed=7), make_model("same"), make_model("new")]

    assert list(differences(old, fresh)) == [
        "new: new",
        "taken out: gone",
        "a: threads 2 became 1, inputs became others, scenarios b1 b8 became b1",
    ]
    assert list(differences(old, old)) == []
