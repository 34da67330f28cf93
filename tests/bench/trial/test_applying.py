"""A candidate has to prove that it changed something, and to give back something to call."""

from pathlib import Path

import pytest
import tricks

from mmied.bench.models import OpenedModel
from mmied.bench.trial.context import Context
from mmied.bench.trial.protocol import NotApplicable
from mmied.bench.trial.served import apply_candidate
from mmied.errors import ModelError
from mmied.optimization import Candidate, Route

MODEL = tricks.Work(4)


def apply(name: str, tmp_path: Path, *, route: Route = "eager", **settings: int):  # type: ignore[no-untyped-def]
    candidate = Candidate(
        name=name,
        summary="a candidate of a test",
        function=f"tricks:{name}",
        exactness="exact",
        routes=("eager",),
        settings=settings,
    )
    model = OpenedModel(call=MODEL, make=lambda size: ((), {}), revision="", artifact_bytes=0, parameters=0, digests={})
    context = Context(
        make=model.make, batch_sizes=(1,), device="cpu", route=route, threads=1, wait_policy=None, scratch=tmp_path
    )
    return apply_candidate(candidate, model, context)


def test_a_candidate_with_proof_is_taken(tmp_path: Path) -> None:
    applied = apply("fewer_rounds", tmp_path, rounds=1)

    assert applied.changed == {"rounds": 3}
    assert applied.notes == ("fewer rounds",)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("same_object", "changed nothing and gave back the very model"),
        ("nothing", "changed nothing"),
        ("not_callable", "a NoneType, not something to call"),
        ("not_there", "cannot be imported"),
    ],
)
def test_a_candidate_without_proof_is_refused(name: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=words):
        apply(name, tmp_path)


def test_a_kind_of_model_that_a_candidate_has_no_way_for_is_not_tried(tmp_path: Path) -> None:
    with pytest.raises(NotApplicable, match="torchscript"):
        apply("fewer_rounds", tmp_path, route="torchscript", rounds=1)
