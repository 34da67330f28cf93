"""A folder with an optimized model is a source like any other, for compare, profile and the rest."""

from pathlib import Path

import pytest
import torch

from mmied.bench.lone import source_of
from mmied.bench.models import open_model
from mmied.bench.optimize import manifest as manifests
from mmied.bench.optimize.convenience import convert_to_mixed_precision
from mmied.bench.optimize.manifest import Manifest
from mmied.bench.optimize.recipe import Recipe
from mmied.bench.optimize.saving import save_optimized
from mmied.errors import ModelError
from mmied.records import InputSpec, ModelSpec

INPUTS = (InputSpec(shape=("batch", 4)),)


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 2)).eval()
    half = convert_to_mixed_precision(model, torch.bfloat16, use_auto_cast=False)
    return save_optimized(half, tmp_path / "half")


def test_it_is_told_by_its_manifest_and_opened_as_it_was_saved(saved: Path, tmp_path: Path) -> None:
    source = source_of(str(saved))
    opened = open_model(ModelSpec(name="half", source=source, inputs=INPUTS), scratch=tmp_path, known_digests={})
    args, kwargs = opened.make(3)
    assert source.kind == "optimized"
    assert opened.call(*args, **kwargs).shape == (3, 2)
    assert {weight.dtype for weight in opened.call.parameters()} == {torch.bfloat16}  # type: ignore[attr-defined]
    assert opened.artifact_bytes == sum(path.stat().st_size for path in saved.iterdir())
    assert opened.revision


def test_a_folder_with_settings_alone_holds_no_model(tmp_path: Path) -> None:
    recipe = Recipe(kind="one compute thread", backend="setting", changed={"threads": 1})
    manifests.write_manifest(tmp_path, Manifest(format="setting", recipe=recipe, versions={}, files={}))
    spec = ModelSpec(name="x", source=source_of(str(tmp_path)), inputs=INPUTS)
    with pytest.raises(ModelError, match="holds no model: one compute thread is made by its script"):
        open_model(spec, scratch=tmp_path, known_digests={})


def test_a_folder_of_hugging_face_is_still_one(tmp_path: Path) -> None:
    assert source_of(str(tmp_path)).kind == "huggingface"
