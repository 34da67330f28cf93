"""A model file that brings inputs along needs none declared."""

import warnings
from pathlib import Path

import pytest
import torch
from torch.utils.bundled_inputs import bundle_inputs

from mmied.bench.models import open_model
from mmied.bench.own_inputs import brings_inputs
from mmied.errors import ModelError
from mmied.records import ModelSpec, Source


def scripted(path: Path, *examples: tuple[torch.Tensor, ...]) -> Source:
    """A TorchScript file with these inputs bundled, or with none."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch warns of its own storage classes there
        module = torch.jit.script(torch.nn.Linear(4, 2).eval())
        (bundle_inputs(module, list(examples)) if examples else module).save(path)
    path.chmod(0o644)
    return Source(kind="torchscript", path=str(path))


def test_bundled_inputs_are_found_and_repeated_to_the_batch_size(tmp_path: Path) -> None:
    example = torch.arange(8.0).reshape(2, 4)
    source = scripted(tmp_path / "bundled.pt", (example,))
    assert brings_inputs(source)

    model = open_model(ModelSpec(name="m", source=source, inputs=()), scratch=tmp_path, known_digests={})
    args, kwargs = model.make(3)
    assert torch.equal(args[0], torch.cat([example, example])[:3])
    assert kwargs == {}
    assert model.call(*args).shape == (3, 2)


def test_a_module_without_them_brings_none(tmp_path: Path) -> None:
    assert not brings_inputs(scripted(tmp_path / "plain.pt"))


@pytest.mark.parametrize(
    ("kind", "brings"), [("exported", True), ("huggingface", True), ("factory", False), ("pickle", False)]
)
def test_other_kinds_are_told_by_what_they_are(kind: str, brings: bool) -> None:
    assert brings_inputs(Source(kind=kind, path="/nowhere/x")) is brings  # type: ignore[arg-type]


def test_a_file_that_is_none_brings_none(tmp_path: Path) -> None:
    (tmp_path / "x.pt").write_bytes(b"not an archive")
    assert not brings_inputs(Source(kind="torchscript", path=str(tmp_path / "x.pt")))
    assert not brings_inputs(Source(kind="torchscript", path=str(tmp_path / "gone.pt")))


def test_examples_without_a_tensor_are_told(tmp_path: Path) -> None:
    class Constant(torch.nn.Module):
        def forward(self, times: int) -> torch.Tensor:
            return torch.ones(times)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch warns of its own storage classes there
        bundle_inputs(torch.jit.script(Constant()), [(3,)]).save(tmp_path / "m.pt")
    source = Source(kind="torchscript", path=str(tmp_path / "m.pt"))
    with pytest.raises(ModelError, match="without example inputs"):
        open_model(ModelSpec(name="m", source=source, inputs=()), scratch=tmp_path, known_digests={})
