"""`mmied compare` measures models side by side; one that fails is a row with its reason, and the others go on."""

import time
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
from builders import B1, B8, make_iterations, make_result
from daemon_process import mmied
from profile_builders import make_profile

from mmied.bench.orders import InterleavedResult
from mmied.cli import main
from mmied.commands.compare import join, parse_models
from mmied.errors import MmiedError
from mmied.profiles import Accuracy, ComparisonReport, PairedRatio, Variant
from mmied.reports.documents import read_comparison


@pytest.fixture
def models(linear: Path, tmp_path: Path) -> tuple[str, ...]:
    """Options that would do."""
    file = linear / "linear.pt"
    return (
        *("--models", f"original:{file},again:{file}", "--inputs", "shape=batch,4"),
        *("--save-dir", str(tmp_path / "out")),
    )


def refused(capsys: pytest.CaptureFixture[str], *options: str) -> str:
    began = time.monotonic()
    assert main(["compare", *options]) == 1
    assert time.monotonic() - began < 2
    return capsys.readouterr().err


# What can be known before a worker starts


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a.pt,b.pt", '"a.pt" is not NAME:FILE'),
        ("original:", '"original:" is not NAME:FILE'),
        ("a b:x.pt,c:y.pt", '"a b" is not a name'),
        ("a:{file}", "takes two to compare"),
        ("a:{file},a:{file}", "a stands twice"),
        ("a:{file},b:gone.pt", "--models: b: gone.pt cannot be read"),
        ("a:{file},b:{notes}", "no model that mmied knows"),
        ("a:{file},,b:{file}", '"" is not NAME:FILE'),
    ],
)
def test_models_that_cannot_be_meant_are_told(
    text: str, told: str, linear: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    notes = tmp_path / "notes.txt"
    notes.write_text("not a model")
    words = text.format(file=linear / "linear.pt", notes=notes)
    assert told in refused(capsys, "--models", words, "--save-dir", str(tmp_path))


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--report-format", "pdf"), '--report-format: "pdf" is no format'),
        (("--metric", "nowhere"), "--metric: nowhere is not the import path"),
        (("--metric", "measures:count"), "takes the labels of a data set"),
        (("--time-limit", "0s"), "--time-limit: 0s is not above zero"),
        (("--trust", "other=sha256:1"), "is not NAME=sha256:DIGEST with one of: original, again"),
        (("--trust", "again=sha256:1"), "64 hex digits"),
        (("--pictures", "bmp"), '"bmp" is no format'),
    ],
)
def test_a_wrong_option_is_told_at_once(
    options: tuple[str, ...], told: str, models: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert told in refused(capsys, *models, *options)


def test_a_data_set_that_is_not_there_is_told_at_once(
    models: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fed = (*models[:2], *models[4:], "--dataset", str(tmp_path))
    assert "holds neither a .npz nor a .safetensors file" in refused(capsys, *fed)


def test_a_folder_that_cannot_be_written_is_told_first(
    models: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    assert "--save-dir: " in (told := refused(capsys, *models[:-1], str(tmp_path / "file")))
    assert "cannot be written" in told


@pytest.mark.parametrize("options", [("--batch-size", "0"), ("--num-runs", "0"), ("--batch-size", "8", "16")])
def test_numbers_that_make_no_sense_are_a_usage_error(options: tuple[str, ...], models: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["compare", *models, *options])
    assert caught.value.code == 2


def test_models_are_named_in_one_list_or_in_several(linear: Path) -> None:
    file = linear / "linear.pt"
    given: dict[str, Any] = {"trust": (), "inputs": (), "dataset": None, "device": None}
    names = [model.spec.name for model in parse_models([f"a:{file},b:{file}", f"c:{file}"], **given)]
    assert names == ["a", "b", "c"]
    (_, factory) = parse_models([f"a:{file}", "b:measures:Wide"], **given)
    assert (factory.spec.name, factory.spec.source.factory) == ("b", "measures:Wide")
    with pytest.raises(MmiedError, match="is not a device"):
        parse_models([f"a:{file}", f"b:{file}"], **given | {"device": "tpu"})


# What is made of what the workers saw

ALONE = (
    Variant(name="original", profile=make_profile("original", results=(make_result(B1), make_result(B8)))),
    Variant(name="quick", profile=make_profile("quick", results=(make_result(B1), make_result(B8)))),
    Variant(name="broken", profile=None, failure="no such file"),
)


def joined(taken: InterleavedResult | str) -> ComparisonReport:
    return join(ALONE, taken, device="cpu", dataset=None, at=0.0)


def test_times_are_those_of_calls_in_turn_and_memory_that_of_a_process_alone() -> None:
    ratio = PairedRatio(variant="quick", batch_size=8, pairs=20, speedup_ratio=2.0, lower=1.9, upper=2.1)
    accuracy = Accuracy(metric="accuracy", value=0.5, lower=0.4, upper=0.6, samples=40)
    report = joined(
        InterleavedResult(
            iterations={"b8": {"original": make_iterations(0.04), "quick": make_iterations(0.02)}},
            ratios=(ratio,),
            accuracies={"quick": accuracy},
            failures={},
            notes=("a note",),
        )
    )
    original, quick, broken = report.variants

    assert original.profile is not None
    assert quick.profile is not None
    alone, batch = quick.profile.results
    assert alone.latency == make_result(B1).latency, "b1 was not called in turn"
    assert batch.latency is not None
    assert batch.latency.quantiles["0.5"] == pytest.approx(0.02)
    assert batch.throughput_samples_per_second == pytest.approx(8 / 0.02)
    assert batch.memory == make_result(B8).memory
    assert (quick.accuracy, original.accuracy) == (accuracy, None)
    assert (broken.profile, broken.failure) == (None, "no such file")
    assert (report.ratios, report.notes) == ((ratio,), ("a note",))


def test_a_model_that_fails_in_turn_keeps_what_it_showed_alone() -> None:
    failures = {"quick": "batch size 8: too large"}
    report = joined(InterleavedResult(iterations={}, ratios=(), accuracies={}, failures=failures, notes=()))
    assert report.variants[1].failure == "batch size 8: too large"
    assert report.variants[1].profile is not None


def test_where_the_models_do_not_fit_into_one_process_no_speedup_is_told() -> None:
    report = joined("the models could not be called in turn in one process: out of memory")
    assert report.variants == ALONE
    assert report.ratios == ()
    assert report.notes == (
        "the models could not be called in turn in one process: out of memory. "
        "Latencies are of one model after the other, and no speed-up is told.",
    )


# Real models in real workers


@pytest.fixture(scope="module")
def compared(linear: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple["CompletedProcess[str]", Path, str]:
    """A TorchScript model, one with other outputs, and one that does not load, on a data set with labels."""
    folder = tmp_path_factory.mktemp("compared")
    told = mmied(
        *("compare", "--models", f"original:{linear / 'linear.pt'},wide:measures:Wide", "broken:faulty:raise_in_load"),
        *("--dataset", str(linear), "--batch-size", "4", "--num-runs", "30", "--threads", "1"),
        *("--report-format", "html,json,csv,markdown", "--save-dir", str(folder)),
        environ={"GITHUB_STEP_SUMMARY": str(folder / "summary.md")},
    )
    return told, folder, (folder / "summary.md").read_text()


def read(compared: tuple["CompletedProcess[str]", Path, str]) -> ComparisonReport:
    return read_comparison((compared[1] / "comparison.json").read_bytes(), "comparison.json")


def test_models_are_called_in_turn_and_held_against_the_first(
    compared: tuple["CompletedProcess[str]", Path, str],
) -> None:
    report = read(compared)
    assert [variant.name for variant in report.variants] == ["original", "wide", "broken"]
    assert [(ratio.variant, ratio.batch_size) for ratio in report.ratios] == [("wide", 1), ("wide", 4)]
    for ratio in report.ratios:
        assert ratio.pairs >= 20
        assert ratio.lower <= ratio.speedup_ratio <= ratio.upper
        assert ratio.control_lower is not None
        assert ratio.control_upper is not None
        assert ratio.control_lower <= ratio.control_upper
    for variant in report.variants[:2]:
        assert variant.profile is not None
        assert variant.profile.load_seconds is not None
        assert [result.workload.batch_size for result in variant.profile.results] == [1, 4]
        for result in variant.profile.results:
            assert result.latency is not None
            assert result.latency.iterations >= 30
            assert result.memory[0].peak_bytes > 0


def test_accuracy_is_that_on_the_labels(compared: tuple["CompletedProcess[str]", Path, str]) -> None:
    original, wide, _ = read(compared).variants
    assert original.accuracy is not None
    assert (original.accuracy.value, original.accuracy.samples, original.accuracy.upper) == (1.0, 40, 1.0)
    assert wide.accuracy is not None
    assert wide.accuracy.value < 0.5


def test_a_model_that_does_not_load_is_a_row_and_an_exit_status(
    compared: tuple["CompletedProcess[str]", Path, str],
) -> None:
    told, _, summary = compared
    broken = read(compared).variants[2]
    assert told.returncode == 1
    assert broken.profile is None
    assert broken.failure == "faulty:raise_in_load: raised FileNotFoundError: vocabulary.txt"
    assert f"mmied: broken: {broken.failure}" in told.stderr
    assert "vocabulary.txt" in summary


def test_outputs_of_another_shape_are_told(compared: tuple["CompletedProcess[str]", Path, str]) -> None:
    assert "batch size 4: wide gives 4×64 where original gives 4×3" in compared[0].stdout


def test_each_format_is_a_file(compared: tuple["CompletedProcess[str]", Path, str]) -> None:
    names = {path.name for path in compared[1].iterdir()}
    assert {"comparison.html", "comparison.json", "comparison.csv", "comparison.md"} <= names
