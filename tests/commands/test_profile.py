"""`mmied profile` measures a model in a worker, writes its reports, and is a gate that passes on figures alone."""

import time
from dataclasses import dataclass, replace
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from builders import B1, B8, make_failure, make_result
from daemon_process import mmied
from profile_builders import make_profile

from mmied.cli import main
from mmied.codec import from_json, to_json
from mmied.commands.model_options import ChosenModel, parse_units
from mmied.commands.profile import ProfileRequest, workloads_of
from mmied.commands.profile_outcome import conclude
from mmied.daemon.outcome import Limits
from mmied.errors import MmiedError
from mmied.profiles import Profile
from mmied.records import ModelSpec, Source, Workload
from mmied.reports.frames import read_flamegraph
from mmied.verdicts.thresholds import parse_threshold


@pytest.fixture(autouse=True)
def no_summary(monkeypatch: pytest.MonkeyPatch) -> None:
    """A step of CI that runs these tests has a summary of its own."""
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)


def refused(capsys: pytest.CaptureFixture[str], *options: str) -> str:
    """Return the sentence with which the command refuses these options, at once."""
    began = time.monotonic()
    assert main(["profile", *options]) == 1
    assert time.monotonic() - began < 2
    return capsys.readouterr().err


# What can be known before a worker starts


@pytest.fixture
def good(linear: Path, tmp_path: Path) -> tuple[str, ...]:
    """Options that would do."""
    model = str(linear / "linear.pt")
    return ("--model-path", model, "--inputs", "shape=batch,4", "--output-dir", str(tmp_path / "out"))


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--threshold", "latency:100"), "Give a unit: 100ms"),
        (("--threshold", "latncy:100ms"), 'Did you mean "latency"?'),
        (("--threshold", "memory:2ms"), "no unit of a size"),
        (("--threshold", "p99@64:1s"), "batch size 64 is not measured, only 1"),
        (("--threshold", "throughput:5tokens/s"), "Give --unit tokens=NUMBER"),
        (("--threshold", "end_to_end:1s"), "Give --preprocess"),
        (("--threshold", "p99:1s", "--num-runs", "100"), "it needs 459 samples, and --num-runs is 100"),
        (("--format", "html,docx"), '--format: "docx" is no format'),
        (("--format", ","), "--format: names no format"),
        (("--pictures", "gif"), '--pictures: "gif" is no format'),
        (("--precision", "fp12"), "--precision: fp12 is not known"),
        (("--precision", "int8"), "takes a quantizer"),
        (("--preprocess", "nowhere"), "--preprocess: nowhere is not the import path"),
        (("--unit", "tokens"), "is not NAME=NUMBER"),
        (("--unit", "tokens=none"), '"none" is not a number above zero'),
        (("--unit", "tokens=-2"), '"-2" is not a number above zero'),
        (("--time-limit", "soon"), "--time-limit: soon is not a duration"),
        (("--timeout", "1 parsec"), "--timeout: 1 parsec is not a duration"),
        (("--worker-memory", "lots"), "--worker-memory: lots is not a size"),
        (("--device", "tpu"), "--device: tpu is not a device"),
    ],
)
def test_a_wrong_option_is_told_at_once(
    options: tuple[str, ...], told: str, good: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert told in refused(capsys, *good, *options)


@pytest.mark.parametrize(
    "options",
    [
        ("--batch-size", "0"),
        ("--batch-size", "1", "-8"),
        ("--num-runs", "0"),
        ("--num-runs", "many"),
        ("--warmup-runs", "-1"),
        ("--threads", "0"),
    ],
)
def test_numbers_that_make_no_sense_are_a_usage_error(
    options: tuple[str, ...], good: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["profile", *good, *options])

    assert caught.value.code == 2
    assert options[0] in capsys.readouterr().err


def test_inputs_and_a_data_set_are_one_too_many(good: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["profile", *good, "--dataset", "test.npz"])
    assert "not allowed with argument" in capsys.readouterr().err


def test_a_folder_that_cannot_be_written_is_told_first(
    good: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    for place in (str(tmp_path / "file"), "/proc/profiles"):
        assert "--output-dir: " in (told := refused(capsys, *good[:-1], place))
        assert "cannot be written" in told


def test_a_model_that_does_not_tell_its_inputs_shows_the_options(
    good: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    told = refused(capsys, *good[:2], *good[4:])
    assert '--inputs "shape=batch,64' in told
    assert "--dataset samples.npz" in told


def test_a_baseline_has_to_be_a_profile_of_this_model_and_version(
    good: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "baseline.json"
    options = (*good, "--baseline", str(path))

    assert "cannot be read" in refused(capsys, *options)
    path.write_text("{")
    assert "not JSON" in refused(capsys, *options)
    path.write_text(to_json(make_profile("linear")).replace('"version":1', '"version":7', 1))
    assert "version 7" in refused(capsys, *options)
    path.write_text(to_json(make_profile("classifier")))
    assert "say so with --as classifier" in refused(capsys, *options)
    path.write_text(to_json(make_profile("linear", results=(make_result(B8),))))
    assert "it measured b8. Give the same with --batch-size" in refused(capsys, *options)


def test_a_sweep_is_every_batch_size_in_every_precision() -> None:
    limits = Limits(timeout_seconds=1, memory_bytes=None, nice=0)
    spec = ModelSpec(name="m", source=Source(kind="factory", factory="a:b"), inputs=())
    paced = Workload(scenario="b4-gap20ms", batch_size=4, gap_seconds=0.02)
    model = ChosenModel(spec=spec, limits=limits, workloads=(paced,))

    assert workloads_of(model, ProfileRequest()) == (paced,)
    sweep = workloads_of(model, ProfileRequest(batch_sizes=(1, 8, 8), precisions=("fp32", "bf16")))
    assert [(each.scenario, each.precision) for each in sweep] == [
        ("b1", "float32"),
        ("b8", "float32"),
        ("b1", "bfloat16"),
        ("b8", "bfloat16"),
    ]


def test_units_are_read_as_numbers_of_a_sample() -> None:
    assert parse_units(["tokens=128", "images=0.5"]) == {"tokens": 128.0, "images": 0.5}
    with pytest.raises(MmiedError, match="is not a name"):
        parse_units(["to kens=3"])


# What is made of a profile


def concluded(
    found: Profile, folder: Path, *texts: str, before: Profile | None = None, formats: tuple[str, ...] = ("json",)
) -> int:
    return conclude(
        found, None, [parse_threshold(text) for text in texts], before=before, output_dir=folder, formats=formats
    )


def test_the_gate_opens_when_all_is_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert concluded(make_profile(results=(make_result(B1),)), tmp_path, "latency:20ms", "throughput:50/s") == 0
    assert capsys.readouterr().err == ""


def test_the_gate_names_each_threshold_that_was_missed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = make_profile(results=(make_result(B1), make_result(B8, median=0.05)))

    assert concluded(found, tmp_path, "latency:20ms", "throughput:1000samples/s", "memory:1GB") == 1
    assert capsys.readouterr().err.splitlines() == [
        "mmied: classifier: threshold latency:20ms: latency of b8 is 50 ms, above 20 ms",
        "mmied: classifier: threshold throughput:1000samples/s: throughput of b1 is 100 samples/s, "
        "below 1,000 samples/s",
        "mmied: classifier: threshold throughput:1000samples/s: throughput of b8 is 160 samples/s, "
        "below 1,000 samples/s",
    ]


def test_the_gate_does_not_open_on_a_figure_that_is_not_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert concluded(make_profile(results=(make_result(B1, samples=100),)), tmp_path, "p99:10s") == 1
    assert "could not be judged: it needs 459 samples, has 100; give --num-runs 459" in capsys.readouterr().err


def test_a_workload_that_failed_is_a_failure_without_any_threshold(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert concluded(make_profile(results=(make_result(B1), make_failure(B8))), tmp_path) == 1
    assert "b8 failed: internal of the test" in capsys.readouterr().err


def test_a_regression_against_the_baseline_closes_the_gate(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = make_profile(results=(make_result(B1),))
    assert concluded(before, tmp_path, before=before) == 0
    assert capsys.readouterr().err == ""
    assert concluded(make_profile(results=(make_result(B1, median=0.02),)), tmp_path, before=before) == 1
    assert "worse than the baseline" in capsys.readouterr().err


def test_a_baseline_that_says_nothing_of_this_run_closes_the_gate_but_not_the_report(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = make_profile(device="cuda:0")
    assert concluded(make_profile(), tmp_path, before=before) == 1
    assert "could not be held against the baseline: the baseline was measured on cuda:0" in capsys.readouterr().err
    assert (tmp_path / "classifier_profile.json").exists()


@pytest.mark.parametrize(("busy", "when"), [(0, "when the baseline was taken"), (1, "now")])
def test_latencies_of_a_busy_host_do_not_open_the_gate(
    busy: int, when: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    quiet = make_result(B1)
    assert quiet.latency is not None
    unfit = replace(quiet, latency=replace(quiet.latency, fit=False))
    before, found = (make_profile(results=(unfit if number == busy else quiet,)) for number in (0, 1))

    assert concluded(found, tmp_path, before=before) == 1
    assert f"could not be held against the baseline: too much else ran {when}" in capsys.readouterr().err


def test_what_to_know_of_a_comparison_with_the_baseline_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = make_profile(results=(make_result(B1),))
    assert concluded(found, tmp_path, before=make_profile(host="elsewhere", results=found.results)) == 0
    assert "note: baseline: measured on elsewhere then and on here now" in capsys.readouterr().out


def test_each_format_is_a_file(tmp_path: Path) -> None:
    found = make_profile("text/ranker")
    concluded(found, tmp_path, "latency:1s", formats=("html", "json", "csv", "markdown"))

    names = {path.name for path in tmp_path.iterdir()}
    assert {f"text_ranker_profile.{suffix}" for suffix in ("html", "json", "csv", "md")} <= names
    assert {"text_ranker_layers.csv", "text_ranker_operators.csv"} <= names
    assert from_json(Profile, (tmp_path / "text_ranker_profile.json").read_bytes()) == found


def test_pictures_are_drawn_where_they_are_asked_for(tmp_path: Path) -> None:
    found = make_profile(inspection=None)
    assert conclude(found, None, [], before=None, output_dir=tmp_path, formats=("csv",), pictures=("svg",)) == 0
    assert (tmp_path / "classifier_pictures" / "latency_distribution.svg").exists()


def test_pictures_that_cannot_be_drawn_are_told_before_the_run(
    good: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("mmied.commands.reporting.find_spec", lambda name: None)
    assert "pip install 'mmied[pictures]'" in refused(capsys, *good, "--pictures", "png")


def test_the_summary_of_a_step_gets_figures_and_verdicts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    summary = tmp_path / "summary.md"
    summary.write_text("before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    found = make_profile(results=(make_result(B1, samples=100),))
    concluded(found, tmp_path, "latency:20ms", "memory:1MB", "p99:1s")
    text = summary.read_text()

    assert text.startswith("before\n")
    assert "### Thresholds: 2 missed or not judged" in text
    assert "| latency:20ms | b1 | 10 ms | kept |" in text
    assert "| memory:1MB | b1 | 400 MB | missed |" in text
    assert "| p99:1s | b1 | – | not judged |" in text
    assert "give --num-runs 459" in text


def test_a_summary_that_cannot_be_written_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path))
    with pytest.raises(MmiedError, match="GITHUB_STEP_SUMMARY"):
        concluded(make_profile(), tmp_path)


# Real models in real workers


@dataclass(frozen=True)
class Done:
    told: "CompletedProcess[str]"
    folder: Path
    summary: str

    @property
    def profile(self) -> Profile:
        (path,) = self.folder.glob("*_profile.json")
        return from_json(Profile, path.read_bytes())


@pytest.fixture(scope="module")
def fussy(tmp_path_factory: pytest.TempPathFactory) -> Done:
    """A factory's model in all depth, with stages; it takes single samples alone."""
    folder = tmp_path_factory.mktemp("fussy")
    told = mmied(
        *("profile", "--model-path", "measures:Fussy", "--as", "fussy", "--inputs", "shape=batch,4"),
        *("--batch-size", "1", "2", "--num-runs", "100", "--warmup-runs", "3", "--threads", "1"),
        *("--preprocess", "measures:scale", "--postprocess", "measures:largest", "--unit", "tokens=3"),
        *("--threshold", "latency@1:1s", "p95@1:1s", "end_to_end:1us", "throughput@1:1tokens/s"),
        *("--format", "html,json", "markdown", "--output-dir", str(folder / "out")),
        environ={"GITHUB_STEP_SUMMARY": str(folder / "summary.md")},
    )
    return Done(told, folder / "out", (folder / "summary.md").read_text())


def test_a_model_is_measured_and_reported(fussy: Done) -> None:
    found = fussy.profile
    assert (found.model, found.format, found.threads) == ("fussy", "factory", 1)
    assert found.results[0].latency is not None
    assert found.results[0].latency.iterations == 100
    assert "fussy_profile.html" in fussy.told.stdout
    assert {path.suffix for path in fussy.folder.iterdir()} == {".html", ".json", ".md"}
    assert "tokens/s" in fussy.told.stdout


def test_a_workload_that_the_model_refuses_is_told_and_the_others_are_measured(fussy: Done) -> None:
    assert fussy.told.returncode == 1
    assert "b2 failed: batch size 2: RuntimeError: one at a time, please" in fussy.told.stderr
    assert [result.outcome for result in fussy.profile.results] == ["succeeded", "failed"]


def test_pre_and_postprocessing_make_the_end_to_end_latency(fussy: Done) -> None:
    stages = fussy.profile.stages
    assert {"preprocess", "inference", "postprocess", "total"} <= set(stages)
    assert stages["preprocess"].mean_seconds >= 0.001
    assert "threshold end_to_end:1us: end_to_end is" in fussy.told.stderr
    assert "latency@1" not in fussy.told.stderr


def test_the_deep_passes_ran_and_left_a_flame_graph(fussy: Done) -> None:
    assert fussy.profile.inspection is not None
    assert fussy.profile.inspection.layers is not None
    graph = read_flamegraph((fussy.folder / "fussy_flamegraph.json").read_bytes(), "fussy")
    assert graph.calls > 0


def test_a_pipe_sees_no_progress_and_the_step_its_summary(fussy: Done) -> None:
    assert "\x1b" not in fussy.told.stdout + fussy.told.stderr
    assert "end\\_to\\_end" in fussy.summary or "end_to_end" in fussy.summary


def test_a_data_set_feeds_the_model_and_the_gate_opens(linear: Path, tmp_path: Path) -> None:
    options = ("--model-path", str(linear / "linear.pt"), "--dataset", str(linear), "--no-details")
    more = ("--num-runs", "60", "--threads", "1", "--output-dir", str(tmp_path))
    first = mmied("profile", *options, *more, "--threshold", "latency:10s", "--format", "json")

    assert first.returncode == 0, first.stderr
    found = from_json(Profile, (tmp_path / "linear_profile.json").read_bytes())
    assert (found.format, found.inspection) == ("torchscript", None)


def test_a_model_that_fails_to_load_is_told_by_its_own_sentence(tmp_path: Path) -> None:
    told = mmied(
        *("profile", "--model-path", "faulty:raise_in_load", "--inputs", "shape=batch,4"),
        *("--output-dir", str(tmp_path)),
    )
    assert told.returncode == 1
    assert "faulty:raise_in_load: raised FileNotFoundError: vocabulary.txt" in told.stderr
    assert list(tmp_path.iterdir()) == []
