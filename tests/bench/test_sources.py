"""All six kinds of source are opened as they are served, and only when they may be trusted."""

import hashlib
import json
import shutil
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from mmied.bench.models import open_model
from mmied.records import InputSpec, ModelSpec, Run, Source, Workload

B1, B3 = Workload(scenario="b1", batch_size=1), Workload(scenario="b3", batch_size=3)
RunModel = Callable[..., Run]


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def assert_measured(run: Run, *, parameters: int | None) -> None:
    assert run.outcome == "succeeded", (run.message, run.log_tail)
    assert [result.outcome for result in run.results] == ["succeeded"] * len(run.results), run.results
    for result in run.results:
        assert result.latency is not None
        assert result.latency.quantiles["0.5"] > 0
        assert result.throughput_samples_per_second is not None
        assert set(result.reference_seconds) == {"compute", "memory", "interpreter"}
        assert result.memory[0].peak_bytes > 0
    assert run.results[0].cold
    assert run.parameters == parameters
    assert run.environment is not None
    assert run.environment.stable["threads"] == 1


def test_torchscript(run_model: RunModel, models: Path) -> None:
    run = run_model(Source(kind="torchscript", path=str(models / "linear.pt")), workloads=(B1, B3))
    assert_measured(run, parameters=58)
    assert run.revision == digest(models / "linear.pt")


def test_exported_program_with_its_own_example_inputs(run_model: RunModel, models: Path) -> None:
    source = Source(kind="exported", path=str(models / "linear.pt2"))
    run = run_model(source, inputs=(), workloads=(B1, B3))
    assert_measured(run, parameters=58)


def test_factory_with_safetensors(run_model: RunModel, models: Path) -> None:
    source = Source(kind="factory", factory="faulty:Faulty", weights=str(models / "linear.safetensors"))
    run = run_model(source, inputs=(InputSpec(factory="faulty:keyword_inputs"),))
    assert_measured(run, parameters=10)
    assert run.artifact_bytes == (models / "linear.safetensors").stat().st_size


def test_factory_with_a_state_dict(run_model: RunModel, models: Path) -> None:
    source = Source(kind="factory", factory="faulty:Faulty", weights=str(models / "state.pt"))
    assert_measured(run_model(source, inputs=(InputSpec(shape=("batch", 4), name="x"),)), parameters=10)


def test_pickle_with_its_hash(run_model: RunModel, models: Path) -> None:
    path = models / "pickle.pt"
    assert_measured(
        run_model(Source(kind="pickle", path=str(path), trust=f"sha256:{digest(path)}"), dtype="bfloat16"),
        parameters=10,
    )


def test_huggingface_folder(run_model: RunModel, tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    config = transformers.BertConfig(
        vocab_size=100, hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=64
    )
    transformers.BertForSequenceClassification(config).save_pretrained(tmp_path / "bert")
    run = run_model(
        Source(kind="huggingface", path=str(tmp_path / "bert")),
        inputs=(InputSpec(shape=("batch", 16), dtype="int64", range=(0, 100), name="input_ids"),),
    )
    assert run.outcome == "succeeded", (run.message, run.log_tail)
    assert run.revision is not None


@pytest.mark.skipif(shutil.which("g++") is None, reason="needs a C++ compiler")
def test_aot_inductor_package(run_model: RunModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path / "cache"))
    model = torch.nn.Sequential(torch.nn.Linear(4, 2), torch.nn.ReLU()).eval()
    path = tmp_path / "packaged.pt2"
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        program = torch.export.export(model, (torch.randn(1, 4),))
        torch._inductor.aoti_compile_and_package(program, package_path=str(path))
    path.chmod(0o644)
    assert_measured(run_model(Source(kind="package", path=str(path))), parameters=None)


def assert_refused(run: Run, *words: str) -> None:
    assert (run.outcome, run.reason) == ("failed", "load")
    for word in words:
        assert word in (run.message or ""), run.message


def test_a_missing_file_is_told(run_model: RunModel, tmp_path: Path) -> None:
    path = str(tmp_path / "gone.pt")
    assert_refused(run_model(Source(kind="torchscript", path=path)), path, "No such file", "`source`")


@pytest.mark.parametrize("name", ["linear.pt", "linear.pt2", "linear.safetensors", "state.pt"])
def test_a_truncated_file_is_told(run_model: RunModel, models: Path, tmp_path: Path, name: str) -> None:
    whole = (models / name).read_bytes()
    path = tmp_path / name
    path.write_bytes(whole[: len(whole) * 2 // 3])
    path.chmod(0o644)
    kind = {"linear.pt": "torchscript", "linear.pt2": "exported"}.get(name, "factory")
    if kind == "factory":
        source = Source(kind="factory", factory="faulty:Faulty", weights=str(path))
    else:
        source = Source(kind=kind, path=str(path))  # type: ignore[arg-type]
    assert_refused(run_model(source), str(path))


def test_an_empty_file_is_told(run_model: RunModel, tmp_path: Path) -> None:
    path = tmp_path / "empty.pt"
    path.touch(mode=0o644)
    assert_refused(run_model(Source(kind="torchscript", path=str(path))), "truncated")


def test_a_file_of_another_kind_is_named_for_what_it_is(run_model: RunModel, models: Path) -> None:
    run = run_model(Source(kind="torchscript", path=str(models / "linear.pt2")))
    assert_refused(run, "exported", "source: {exported")


def test_a_file_that_others_may_write_is_not_loaded(run_model: RunModel, models: Path, tmp_path: Path) -> None:
    path = tmp_path / "open.pt"
    shutil.copy(models / "linear.pt", path)
    path.chmod(0o666)
    assert_refused(run_model(Source(kind="torchscript", path=str(path))), str(path), "mmied trust add")


def test_a_file_that_others_may_write_is_loaded_by_its_hash(run_model: RunModel, models: Path, tmp_path: Path) -> None:
    path = tmp_path / "open.pt"
    shutil.copy(models / "linear.pt", path)
    path.chmod(0o666)
    source = Source(kind="torchscript", path=str(path), trust=f"sha256:{digest(path)}")
    assert_measured(run_model(source), parameters=58)


def test_a_file_whose_hash_differs_is_not_loaded(run_model: RunModel, models: Path) -> None:
    source = Source(kind="torchscript", path=str(models / "linear.pt"), trust=f"sha256:{'0' * 64}")
    assert_refused(run_model(source), digest(models / "linear.pt"), "`trust`", "mmied trust add")


def test_a_payload_in_weights_is_refused_and_not_run(run_model: RunModel, models: Path) -> None:
    source = Source(kind="factory", factory="faulty:Faulty", weights=str(models / "pickle.pt"))
    assert_refused(run_model(source), "is not a plain file of weights")


def test_weights_that_do_not_fit_are_told(run_model: RunModel, models: Path) -> None:
    source = Source(kind="factory", factory="torch.nn:Linear", arguments={"in_features": 4, "out_features": 3},
                    weights=str(models / "linear.safetensors"))  # fmt: skip
    assert_refused(run_model(source), "does not fit torch.nn:Linear")


def test_a_folder_without_a_model_is_told(run_model: RunModel, tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    (tmp_path / "config.json").write_text(json.dumps({"architectures": ["NoSuchModel"]}))
    assert_refused(run_model(Source(kind="huggingface", path=str(tmp_path))), "NoSuchModel")


def test_cuda_without_a_device_is_told(run_model: RunModel) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is a CUDA device here")
    source = Source(kind="factory", factory="faulty:Faulty")
    assert_refused(run_model(source, device="cuda:0"), "finds no CUDA device")


def test_a_check_calls_once_and_measures_nothing(run_model: RunModel, models: Path) -> None:
    run = run_model(Source(kind="torchscript", path=str(models / "linear.pt")), kind="check")
    assert run.outcome == "succeeded"
    assert run.results[0].latency is None
    assert run.results[0].first_call_seconds is not None


def test_weights_that_a_factory_draws_are_the_same_each_time(tmp_path: Path) -> None:
    spec = ModelSpec(name="drawn", source=Source(kind="factory", factory="faulty:Faulty"), inputs=())
    first, again = (open_model(spec, scratch=tmp_path, known_digests={}).call for _ in range(2))
    other = open_model(replace(spec, seed=1), scratch=tmp_path, known_digests={}).call

    assert torch.equal(first.linear.weight, again.linear.weight)
    assert not torch.equal(first.linear.weight, other.linear.weight)
