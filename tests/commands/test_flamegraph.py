"""`mmied flamegraph` tells what is wrong with its options before a worker is started."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from mmied.bench.lone import source_of
from mmied.cli import main
from mmied.codec import to_json
from mmied.commands.model_options import chosen_model, with_place
from mmied.config.input_text import parse_input
from mmied.errors import MmiedError
from mmied.records import InputSpec
from mmied.reports.frames import FlameGraph, Frame


def refused(capsys: pytest.CaptureFixture[str], *options: str) -> str:
    """Return the sentence with which the command refuses these options, at once."""
    began = time.monotonic()
    assert main(["flamegraph", *options]) == 1
    assert time.monotonic() - began < 2
    return capsys.readouterr().err


@pytest.fixture
def model(tmp_path: Path) -> str:
    """A file that looks like a pickle; nothing here comes to open it."""
    path = tmp_path / "model.pt"
    path.write_bytes(b"\x80\x02.")
    return str(path)


def test_inputs_are_declared_in_words() -> None:
    assert parse_input("shape=batch,64 dtype=int64 range=0,10000 name=tokens") == InputSpec(
        shape=("batch", 64), dtype="int64", range=(0.0, 10_000.0), name="tokens"
    )
    assert parse_input("shape=batch values=1,2.5") == InputSpec(shape=("batch",), values=(1.0, 2.5))
    assert parse_input("factory=shop.inputs:make") == InputSpec(factory="shop.inputs:make")
    assert parse_input("file=samples.npz").file == str(Path("samples.npz").absolute())


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "needs one of shape="),
        ("64", "is not KEY=VALUE"),
        ("shape=batch,0", "neither a size above zero"),
        ("shape=bach,64", "neither a size above zero"),
        ("shap=batch", 'Did you mean "shape"'),
        ("shape=batch dtype=int65", "int6"),
        ("shape=batch range=5", "is not a pair"),
        ("shape=batch range=5,1", "has to be the lower"),
        ("shape=batch shape=batch", "stands twice"),
        ("shape=batch file=x.npz", "needs one of"),
        ("file=x.csv", "neither a .npz"),
        ("factory=nowhere", "not the import path"),
    ],
)
def test_a_wrong_input_is_told(text: str, told: str) -> None:
    with pytest.raises(MmiedError, match=r"--inputs") as caught:
        parse_input(text)
    assert told in str(caught.value)


def test_the_kind_of_a_model_is_told_by_what_it_is(tmp_path: Path, model: str) -> None:
    assert source_of(model, kind=None).kind == "pickle"
    assert source_of(str(tmp_path), kind=None).kind == "huggingface"
    assert source_of("shop.models:ranker", kind=None).factory == "shop.models:ranker"


def test_a_model_that_is_none_is_told(tmp_path: Path, model: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("not a model")
    save = ("--save-dir", str(tmp_path))

    assert "cannot be read" in refused(capsys, "--model", str(tmp_path / "gone.pt"), *save)
    assert "no model that mmied knows" in refused(capsys, "--model", str(text), *save)
    assert 'Did you mean "exported"' in refused(capsys, "--model", model, "--source-kind", "export", *save)
    assert "belong to a factory" in refused(capsys, "--model", model, "--weights", "w.safetensors", *save)
    assert "64 hex digits" in refused(capsys, "--model", model, "--trust", "me", *save)
    assert "is not a device" in refused(capsys, "--model", model, "--device", "tpu", *save)
    assert "Give --config instead" in refused(capsys, "--model", model, "--name", "ranker", *save)


def test_a_model_that_does_not_tell_its_inputs_shows_the_option(
    model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert '--inputs "shape=batch,64' in refused(capsys, "--model", model, "--save-dir", str(tmp_path))


@pytest.mark.parametrize(
    "options",
    [("--batch-size", "0"), ("--num-runs", "0"), ("--num-runs", "-1"), ("--profiler", "perf"), ("--batch-size", "two")],
)
def test_impossible_options_are_a_usage_error(
    options: tuple[str, str], model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["flamegraph", "--model", model, "--save-dir", str(tmp_path), *options])

    assert caught.value.code == 2
    assert options[0] in capsys.readouterr().err


def test_a_folder_that_cannot_be_written_is_told_first(
    model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    options = ("--model", model, "--inputs", "shape=batch,4", "--save-dir")

    assert "cannot be written" in refused(capsys, *options, str(tmp_path / "file"))
    assert "cannot be written" in refused(capsys, *options, str(tmp_path / "file" / "below"))
    assert "cannot be written" in refused(capsys, *options, "/proc/flames")


def test_a_file_to_compare_with_has_to_be_one_of_ours(
    model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    graph = FlameGraph(
        model="m",
        profiler="py-spy",
        device="cpu",
        batch_size=1,
        calls=1,
        at=0.0,
        frames=(Frame(name="m", category="other", self_seconds=1.0, parent=None),),
    )
    old = tmp_path / "old.json"
    options = ("--model", model, "--inputs", "shape=batch,4", "--save-dir", str(tmp_path), "--compare", str(old))

    assert "cannot be read" in refused(capsys, *options)
    old.write_text(to_json(graph))
    assert "made with --profiler py-spy" in refused(capsys, *options)
    old.write_text(json.dumps(json.loads(to_json(graph)) | {"version": 2}))
    assert "version" in refused(capsys, *options)
    old.write_text(json.dumps({"kind": "run", "version": 1}))
    assert "not a FlameGraph" in refused(capsys, *options)


def test_a_configuration_with_several_models_asks_which(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "mmied.yaml"
    entry = "  - {{name: {name}, source: {{factory: 'shop:{name}'}}, inputs: [{{shape: [batch, 4]}}]}}\n"
    config.write_text("models:\n" + entry.format(name="ranker") + entry.format(name="tagger"))
    options = ("--config", str(config), "--save-dir", str(tmp_path))

    assert "ranker, tagger" in refused(capsys, *options)
    assert "has no model ranked" in refused(capsys, *options, "--name", "ranked")
    assert "do not" in refused(capsys, *options, "--name", "ranker", "--inputs", "shape=batch")


def test_a_data_set_feeds_the_model(linear: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fed = ("--model", str(linear / "linear.pt"), "--dataset", str(linear), "--save-dir", str(tmp_path))

    assert main(["flamegraph", *fed, "--profiler", "cprofile", "--batch-size", "50", "--threads", "1"]) == 0
    (path,) = tmp_path.glob("linear_cprofile_*[0-9].json")
    assert json.loads(path.read_text())["batch_size"] == 50, "its 40 samples were repeated"
    assert "linear: " in capsys.readouterr().out


def test_a_data_set_that_is_none_is_told(linear: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fed = ("--model", str(linear / "linear.pt"), "--save-dir", str(tmp_path), "--dataset")

    assert "is neither a .npz nor a .safetensors file" in refused(capsys, *fed, str(tmp_path / "x.csv"))
    assert "cannot be read" in refused(capsys, *fed, str(tmp_path / "gone.npz"))


def test_a_configured_model_comes_with_its_batch_sizes_unit_and_limits(tmp_path: Path) -> None:
    config = tmp_path / "mmied.yaml"
    config.write_text(
        "budget: {run_timeout: 90s}\n"
        "models:\n"
        "  - name: ranker\n"
        "    source: {factory: 'shop:ranker'}\n"
        "    inputs: [{shape: [batch, 4]}]\n"
        "    batch_sizes: [1, 8]\n"
        "    unit: {name: tokens, per_sample: 64}\n"
    )
    nothing: dict[str, Any] = {"kind": None, "weights": None, "trust": None, "inputs": (), "dataset": None}
    model = chosen_model(None, config=config, name=None, device="cuda:1", **nothing)

    assert [workload.scenario for workload in model.workloads] == ["b1", "b8"]
    assert model.items_per_sample == {"tokens": 64.0}
    assert (model.spec.device, model.limits.timeout_seconds) == ("cuda:1", 90.0)
    placed = with_place(model, threads=3, timeout="5m", memory="2GiB")
    assert (placed.spec.threads, placed.limits.timeout_seconds, placed.limits.memory_bytes) == (3, 300.0, 2 << 30)


def test_torch_stays_out_of_the_command_line() -> None:

    script = "import sys, mmied.commands.flamegraph, mmied.commands.model_options; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], env=os.environ).returncode == 0
