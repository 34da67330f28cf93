"""The script beside an applied model is short, runs by itself, and refuses what it was not written for."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from searches import make_search, make_trial

from mmied.bench.optimize.saving import load_optimized
from mmied.bench.trial.remake import remake
from mmied.bench.trial.script import write_script
from mmied.candidates import CANDIDATES
from mmied.codec import to_json
from mmied.errors import ModelError
from mmied.optimization import Candidate
from mmied.records import InputSpec, ModelSpec, Source

SPEC = ModelSpec(
    name='a "model"\\',
    source=Source(kind="factory", factory="searchable:Wasteful"),
    inputs=(InputSpec(shape=("batch", 16)),),
    threads=1,
)
ONCE = Candidate(name="once", summary="less work", function="searchable:once", exactness="exact", routes=("eager",))


def again(candidate: Candidate = ONCE, **changes: Any) -> Any:
    settings = {"revision": None, "batch_sizes": (2,)} | changes
    return remake(json.loads(to_json(SPEC)), json.loads(to_json(candidate)), **settings)


def script(form: str, candidate: Candidate = ONCE) -> str:
    text = write_script(
        form,
        SPEC,
        candidate,
        make_search(make_trial("once")),
        make_trial("once"),
        wait_policy="PASSIVE",
        calibration=None,
        fine_tune=None,
    )
    compile(text, "reproduce.py", "exec")
    return text


def test_a_script_says_what_it_makes_and_what_was_seen_of_it() -> None:
    text = script("model")
    assert "It helps: 2.00× at batch size 1." in text
    assert "another model is refused" in text
    assert "made.save(sys.argv[1])" in text
    assert "None," not in text.partition("MODEL = ")[2].partition("made = ")[0]


def test_a_setting_has_nothing_to_save_and_its_variables_come_before_torch() -> None:
    text = script("setting", replace(ONCE, environment={"OMP_WAIT_POLICY": "ACTIVE"}))
    assert "Nothing of the model changes" in text
    assert "made.save" not in text
    assert text.index("os.environ |= {'OMP_WAIT_POLICY': 'ACTIVE'}") < text.index("import remake")


def test_what_is_made_again_answers_as_the_deployed_model_and_can_be_saved(tmp_path: Any) -> None:
    made = again()
    args, kwargs = made.inputs(4)
    with torch.no_grad():
        expected = made.deployed.call(*args, **kwargs)
    assert torch.equal(made(*args, **kwargs), expected)
    assert str(made).startswith("once: changed 39 rounds")
    assert load_optimized(made.save(tmp_path / "new")).rounds == 1  # type: ignore[comparison-overlap]


def test_another_model_than_the_one_that_was_measured_is_refused() -> None:
    revision = again().deployed.revision
    assert again(revision=revision).deployed.revision == revision
    with pytest.raises(ModelError, match="is another model than the one that was measured"):
        again(revision="00" * 32)


def test_a_variable_that_came_too_late_is_told() -> None:
    with pytest.raises(ModelError, match="takes MMIED_TEST=1 in the environment, before torch is imported"):
        again(replace(ONCE, environment={"MMIED_TEST": "1"}))


@pytest.mark.parametrize(
    ("candidate", "told"),
    [
        (replace(ONCE, function="searchable:unsaved"), "is made anew at each start"),
        (replace(ONCE, function="searchable:setting"), "is a setting"),
    ],
)
def test_what_has_no_file_says_so(candidate: Candidate, told: str, tmp_path: Any) -> None:
    with pytest.raises(ModelError, match=told):
        again(candidate).save(tmp_path / "new")


@pytest.mark.parametrize(
    ("arrays", "told"),
    [
        ({"x": np.zeros((4, 16), np.float32)}, "gave 4 samples, and 32 are the least"),
        ({"x": np.zeros((64, 3), np.float32)}, r"the model does not take inputs of shape \(32, 3\)"),
        ({"labels": np.zeros(64)}, "holds labels alone"),
    ],
)
def test_calibration_data_that_will_not_do_is_told(arrays: Any, told: str, tmp_path: Any) -> None:
    """As the candidate in a search, which tells it as its outcome."""
    np.savez(tmp_path / "few.npz", **arrays)
    row = next(each for each in CANDIDATES if each.name == "legacy_int8_static")
    with pytest.raises(ModelError, match=told):
        again(row, calibration=str(tmp_path / "few.npz"))
