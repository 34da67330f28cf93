"""The most promising candidates come first: by the model's kind, its batch sizes, and by what was seen on itself."""

import pytest

from mmied.candidates import CANDIDATES
from mmied.inspection import Inspection, Layer, Layers, Operators
from mmied.optimization import Guard, Trial
from mmied.profiles import PairedRatio
from mmied.records import Workload
from mmied.verdicts.promise import CHEAP, CUDA, LIKE, MEASURED, ModelFacts, facts_of, kind_of, promise

RESNET = {"Conv2d": 20, "BatchNorm2d": 20, "Linear": 1, "ReLU": 17}
BERT = {"Linear": 74, "BertSelfAttention": 12, "LayerNorm": 25, "Embedding": 3}
LSTM = {"Embedding": 1, "LSTM": 1, "Linear": 1}
MLP = {"Sequential": 1, "Linear": 4, "ReLU": 3}


def trial(name: str, verdict: str, speedup: float | None = None, **changes: object) -> Trial:
    ratios = ()
    if speedup is not None:
        ratios = (
            PairedRatio(
                variant=name,
                batch_size=8,
                pairs=12,
                speedup_ratio=speedup,
                lower=speedup * 0.98,
                upper=speedup * 1.02,
                control_lower=0.99,
                control_upper=1.01,
            ),
        )
    return Trial(candidate=name, verdict=verdict, why="", at=1.0, seconds=1.0, ratios=ratios, **changes)  # type: ignore[arg-type]


def best(modules: dict[str, int], among: tuple[str, ...], batch_sizes: tuple[int, ...] = (1, 8)) -> str:
    expected = promise(ModelFacts(modules=modules, batch_sizes=batch_sizes))
    return max(among, key=lambda name: expected.get(name, 0.0))


@pytest.mark.parametrize(
    ("modules", "kind"),
    [(RESNET, "convolutional"), (BERT, "transformer"), (LSTM, "recurrent"), (MLP, "feed_forward"), ({}, "unknown")],
)
def test_the_kind_is_told_by_the_modules(modules: dict[str, int], kind: str) -> None:
    assert kind_of(ModelFacts(modules=modules)) == kind


@pytest.mark.parametrize(
    ("seconds", "kind"),
    [
        ({"matmul": 6.0, "attention": 2.0, "memory": 1.0}, "transformer"),
        ({"convolution": 8.0, "matmul": 0.1, "elementwise": 1.0}, "convolutional"),
        ({"matmul": 8.0, "elementwise": 1.0}, "feed_forward"),
        ({"other": 1.0}, "unknown"),
    ],
)
def test_where_there_are_no_modules_the_operators_tell(seconds: dict[str, float], kind: str) -> None:
    assert kind_of(ModelFacts(modules={"GraphModule": 1}, seconds=seconds)) == kind


def test_an_inspection_gives_the_facts() -> None:
    layers = tuple(
        Layer(name=str(index), kind=kind, parent=None) for index, kind in enumerate(["Conv2d"] * 3 + ["Linear"])
    )
    inspection = Inspection(
        workload=Workload(scenario="b1", batch_size=1),
        layers=Layers(layers=layers, source="events", calls=1, call_seconds=1.0),
        operators=Operators(operators=(), category_seconds={"convolution": 1.0}, calls=1, call_seconds=1.0),
    )

    facts = facts_of(inspection, batch_sizes=[4], device="cpu")

    assert facts.modules == {"Conv2d": 3, "Linear": 1}
    assert facts.seconds == {"convolution": 1.0}
    assert kind_of(facts) == "convolutional"
    assert kind_of(facts_of(None, batch_sizes=[1], device="cpu", modules=LSTM)) == "recurrent"


def test_each_kind_has_its_own_favourites() -> None:
    among = ("bfloat16", "legacy_int8_dynamic", "onnxruntime_int8_dynamic", "openvino_int8_static", "compile")

    assert best(RESNET, among) == "openvino_int8_static"
    assert best(LSTM, among) == "legacy_int8_dynamic"
    assert best(MLP, among) == "onnxruntime_int8_dynamic"
    assert best(BERT, ("bfloat16", "compile", "channels_last")) == "bfloat16"


def test_the_deployed_batch_sizes_decide_what_half_precision_is_worth() -> None:
    small = promise(ModelFacts(modules=MLP, batch_sizes=(1,)))["bfloat16"]
    large = promise(ModelFacts(modules=MLP, batch_sizes=(24,)))["bfloat16"]

    assert small < 1 < large


def test_of_a_model_that_nothing_is_known_of_the_least_is_expected() -> None:
    unknown = promise(ModelFacts())

    assert unknown["bfloat16"] == 0.65
    assert unknown["legacy_int8_dynamic"] > unknown["compile"]


def test_what_helped_this_model_before_counts_for_more_than_its_kind() -> None:
    facts = ModelFacts(modules=RESNET)

    expected = promise(
        facts, [trial("channels_last", "helps", 30.0), trial("openvino_int8_static", "does_not_help", 0.9)]
    )

    assert max(expected, key=lambda name: expected[name]) == "channels_last"
    assert expected["openvino_int8_static"] == 0.9


def test_the_latest_trial_is_the_one_that_counts() -> None:
    history = [trial("compile", "helps", 1.5), trial("compile", "does_not_help", 0.8)]

    assert promise(ModelFacts(modules=MLP), history)["compile"] == 0.8


def test_what_could_not_be_tried_comes_last_and_what_broke_comes_late() -> None:
    broken = Guard(name="worst cosine", met=False, shown="worst cosine 0.9, has to be at least 0.99")
    history = [
        trial("openvino_int8_static", "not_tried"),
        trial("bfloat16_compile", "does_not_help", outcome="timed_out"),
        trial("pt2e_int8_static_compile", "does_not_help", 9.0, guards=(broken,)),
        trial("onnxruntime", "cannot_tell", 1.12),
    ]

    expected = promise(ModelFacts(modules=RESNET), history)

    assert expected["openvino_int8_static"] == 0.0
    assert 0 < expected["bfloat16_compile"] < 1
    # Fast, and wrong: that is no promise.
    assert expected["pt2e_int8_static_compile"] < 1
    assert expected["onnxruntime"] == 1.12


def test_a_gpu_has_an_order_of_its_own() -> None:
    expected = promise(ModelFacts(modules=BERT, device="cuda:0"))

    assert expected["bfloat16_compile"] > expected["compile"] > 1
    assert "openvino" not in expected


def test_the_tables_name_candidates_that_there_are_for_the_device() -> None:
    by_name = {candidate.name: candidate for candidate in CANDIDATES}

    assert all("cpu" in by_name[name].devices for name in {*MEASURED, *LIKE, *CHEAP})
    assert all("cuda" in by_name[name].devices for name in CUDA)
    assert not {*MEASURED} & {*LIKE}
    assert {*LIKE.values()} <= {*MEASURED}
