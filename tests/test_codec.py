"""Records survive their way through JSON, and what is no record is told in a sentence."""

from dataclasses import replace

import pytest
from builders import HARDWARE, make_model, make_run
from hypothesis import given
from hypothesis import strategies as st

from mmied.codec import from_json, to_json
from mmied.errors import MmiedError
from mmied.records import HardwareSample, InputSpec, Iterations, Job, Run, Source

FINITE = st.floats(allow_nan=False, allow_infinity=False)
SECONDS = st.lists(FINITE, max_size=20).map(tuple)


@given(st.builds(Iterations, wall_seconds=SECONDS, wait_seconds=SECONDS, device_seconds=st.none() | SECONDS))
def test_samples_survive_to_the_last_bit(iterations: Iterations) -> None:
    assert from_json(Iterations, to_json(iterations)) == iterations


def test_a_run_with_all_that_it_holds_survives() -> None:
    run = make_run(1, message="µ “quoted” \n\0", log_tail="\x1b[31m\ud83d".encode(errors="replace").decode())

    assert from_json(Run, to_json(run)) == run
    assert from_json(Run, to_json(run).encode()) == run


def test_a_sample_of_the_host_survives() -> None:
    assert from_json(HardwareSample, to_json(HARDWARE)) == HARDWARE


def test_nested_inputs_and_free_arguments_survive() -> None:
    inputs = (
        InputSpec(
            list=(
                InputSpec(shape=("batch", 128), dtype="int64", range=(0.0, 9.0)),
                InputSpec(dict={"mask": InputSpec(shape=("batch",), values=(0.0, 1.0))}),
            )
        ),
    )
    source = Source(kind="factory", factory="shop:make", arguments={"sizes": [1, 2], "deep": {"x": None, "y": True}})
    spec = replace(make_model().spec, inputs=inputs, source=source)
    job = Job(run_id="run-1", kind="profile", model=spec, workloads=make_model().workloads, scenario_seconds=5.0)

    assert from_json(Job, to_json(job)) == job


def test_json_is_compact() -> None:
    assert to_json({"a": [1, 2.5, None]}) == '{"a":[1,2.5,null]}'


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "not a Run: the document: "),
        ("{", "not a Run: the document: "),
        ("[]", "not a Run: the document: "),
        (to_json(make_run(1))[:-20], "not a Run: the document: "),
        (to_json(make_run(1)).replace('"version":1', '"version":2', 1), "not a Run: version: "),
        (to_json(make_run(1)).replace('"cold":true', '"cold":"perhaps"', 1), "not a Run: results.0.cold: "),
        (b"\xff\xfe", "not a Run: the document: "),
    ],
)
def test_what_is_no_such_record_is_told_with_its_place(text: str | bytes, told: str) -> None:
    with pytest.raises(MmiedError) as caught:
        from_json(Run, text)

    assert str(caught.value).startswith(told)
