"""`mmied baseline pin` takes what is normal from a saved profile, and refuses one of anything else."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from builders import B1, B8, make_result
from judged_history import LOAD, P50, THROUGHPUT, Kept, kept_shift

from mmied.codec import to_json
from mmied.profiles import Profile


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    return kept_shift(tmp_path)


@pytest.fixture
def profile(tmp_path: Path) -> Callable[..., Path]:
    """A file with a profile of the deployed model."""

    def make(**changes: Any) -> Path:
        whole = Profile(
            mmied_version="1", model="ranker", host="bench", device="cpu", precision="float32", threads=2, at=1.0,
            load_seconds=0.25, results=(make_result(B8, median=0.0095), make_result(B1, median=0.002)),
        )  # fmt: skip
        path = tmp_path / "saved.json"
        path.write_text(to_json(replace(whole, **changes)))
        return path

    return make


def test_a_saved_profile_s_figures_are_pinned_to_the_series_that_there_are(
    kept: Kept, profile: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert kept.call("baseline", "pin", str(profile()), "--model", "ranker", "--by", "ada") == 0

    with kept.opened() as store:
        found = {one.key: one for one in store.baselines()}
    assert set(found) == {P50, THROUGHPUT, LOAD}, "b1 is no scenario of the deployed model"
    assert found[P50].figure == pytest.approx(0.0095, rel=0.01)
    assert found[LOAD].figure == 0.25
    assert {(one.source, one.by, one.runs) for one in found.values()} == {("pinned", "ada", 1)}
    assert kept.ledger() == [
        ("baseline_pinned", "ranker", "pinned from saved.json, says ada: latency_p50 (b8), throughput (b8), load_time")
    ]
    assert "note: measured on bench" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"model": "tagger"}, "is of the model tagger, not of ranker"),
        ({"device": "cuda:0"}, "was measured on cuda:0; ranker runs on cpu"),
        ({"precision": "bfloat16"}, "is in bfloat16; ranker is deployed in float32"),
        ({"version": 2}, "version 2 of the profile document"),
        ({"results": (make_result(B8, median=9.5, samples=20),)}, "Is it in another unit? It has to be in seconds"),
        ({"results": (make_result(B1),), "load_seconds": None}, "Its scenarios are b1; those of ranker are b8"),
    ],
    ids=["model", "device", "precision", "version", "unit", "scenario"],
)
def test_a_profile_of_something_else_is_refused_and_pins_nothing(
    kept: Kept,
    profile: Callable[..., Path],
    capsys: pytest.CaptureFixture[str],
    changes: dict[str, Any],
    told: str,
) -> None:
    path = profile(**{name: value for name, value in changes.items() if name != "version"})
    if "version" in changes:
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    assert kept.call("baseline", "pin", str(path), "--model", "ranker") == 1

    assert told in capsys.readouterr().err
    with kept.opened() as store:
        assert store.baselines() == ()
    assert kept.ledger() == []


def test_a_profile_that_counts_something_else_is_refused(
    kept: Kept, profile: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    kept.config.write_text(
        kept.config.read_text().replace("{name: ranker,", "{name: ranker, unit: {name: images, per_sample: 1},")
    )
    path = profile(items_per_sample={"tokens": 128.0})
    assert kept.call("baseline", "pin", str(path), "--model", "ranker") == 1
    assert "counts 128 tokens a sample; the configuration of ranker counts 1 images" in capsys.readouterr().err


def test_a_file_that_is_no_profile_is_refused(kept: Kept, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for text, told in (("latency: 3", "not JSON"), ("{}", "not a document of mmied"), (None, "cannot be read")):
        path = tmp_path / "other.json"
        path.unlink(missing_ok=True)
        if text is not None:
            path.write_text(text)
        assert kept.call("baseline", "pin", str(path), "--model", "ranker") == 1
        assert told in capsys.readouterr().err
