"""What is kept of a model's files opens as the same model, whatever kind they are of and whatever became of them."""

import hashlib
import shutil
from pathlib import Path

import pytest
import torch
from builders import make_run

from mmied.bench.models import open_model
from mmied.bench.optimize.convenience import convert_to_mixed_precision
from mmied.bench.optimize.saving import save_optimized
from mmied.daemon.predecessors import Predecessors
from mmied.records import InputSpec, ModelSpec, Source

INPUTS = (InputSpec(shape=("batch", 4)),)


def survives(source: Source, tmp_path: Path, inputs: tuple[InputSpec, ...] = INPUTS) -> Source:
    """Open a model, keep it, lose its files and open it again; return what opened it."""
    kept = Predecessors(tmp_path / "state", max_size_bytes=10**8, models={"model"})
    spec = ModelSpec(name="model", source=source, inputs=inputs)
    opened = open_model(spec, scratch=tmp_path, known_digests={})
    assert kept.keep(make_run(model="model", revision=opened.revision, digests=opened.digests), source) is not None
    for place in filter(None, (source.path, source.weights)):
        shutil.rmtree(place) if Path(place).is_dir() else Path(place).unlink()

    found = kept.before("model", "another")

    assert found is not None
    again = open_model(ModelSpec(name="model", source=found.source, inputs=inputs), scratch=tmp_path, known_digests={})
    assert (again.revision, again.artifact_bytes) == (opened.revision, opened.artifact_bytes)
    return found.source


@pytest.mark.parametrize("kind_and_name", ["torchscript linear.pt", "exported linear.pt2", "pickle pickle.pt"])
def test_a_file_that_is_code_opens_by_the_hash_of_what_ran(models: Path, tmp_path: Path, kind_and_name: str) -> None:
    kind, name = kind_and_name.split()
    path = Path(shutil.copy(models / name, tmp_path / name))
    digest = f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"
    source = Source(kind=kind, path=str(path), trust=digest if kind == "pickle" else None)  # type: ignore[arg-type]

    assert survives(source, tmp_path).trust == digest


def test_weights_open_with_the_factory(models: Path, tmp_path: Path) -> None:
    weights = Path(shutil.copy(models / "linear.safetensors", tmp_path / "w.safetensors"))
    source = Source(kind="factory", factory="faulty:Faulty", weights=str(weights))

    assert survives(source, tmp_path).factory == "faulty:Faulty"


def test_a_hugging_face_folder_opens(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    config = transformers.BertConfig(
        vocab_size=50, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16
    )
    transformers.BertForSequenceClassification(config).save_pretrained(tmp_path / "bert")
    ids = (InputSpec(shape=("batch", 8), dtype="int64", range=(0, 50), name="input_ids"),)

    survives(Source(kind="huggingface", path=str(tmp_path / "bert")), tmp_path, ids)


def test_a_saved_optimization_opens(tmp_path: Path) -> None:
    model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 2)).eval()
    half = convert_to_mixed_precision(model, torch.bfloat16, use_auto_cast=False)

    survives(Source(kind="optimized", path=str(save_optimized(half, tmp_path / "half"))), tmp_path)
