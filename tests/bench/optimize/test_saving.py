"""What was optimized can be saved, and loaded in a process that never saw the original."""

import hashlib
import json
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from optimizable import Answer, Encoder, Holding, Logits, Ranker, mlp
from torch import nn

from mmied.bench.optimize.convenience import convert_to_mixed_precision, prune_model, quantize_model
from mmied.bench.optimize.distillation import distill_model
from mmied.bench.optimize.recipe import recipe_of
from mmied.bench.optimize.saving import load_optimized, save_optimized
from mmied.errors import ModelError

SUPPORT = Path(__file__).parents[2] / "support"
LOAD = """
import sys, torch
from pathlib import Path
from mmied.bench.optimize.recipe import recipe_of
from mmied.bench.optimize.saving import load_optimized
for folder in map(Path, sys.argv[1:]):
    model = load_optimized(folder)
    args, kwargs = torch.load(folder.with_suffix(".in"))
    with torch.no_grad():
        output = model(*args, **kwargs)
    logits = getattr(output, "logits", output)
    torch.save((logits, type(output).__name__, model.training, recipe_of(model).kind), folder.with_suffix(".out"))
"""


def made() -> dict[str, tuple[nn.Module, tuple[Any, ...], dict[str, Any]]]:
    """One model of each kind that can be made here, with inputs for it."""
    from importlib.util import find_spec

    x, tokens = torch.randn(3, 8), torch.randn(3, 5, 16)
    calibration = [torch.randn(40, 8)]
    keywords = {"features": torch.randn(4, 8)}
    models = {
        "pruned": (prune_model(mlp(), amount=0.5), (x,), {}),
        "cast": (convert_to_mixed_precision(Ranker().eval(), torch.bfloat16, False), (), keywords),
        "autocast": (convert_to_mixed_precision(Encoder().eval(), torch.bfloat16), (tokens,), {}),
        "legacy": (quantize_model(Encoder().eval(), backend="legacy"), (tokens,), {}),
        "fx": (quantize_model(mlp(), "static", backend="legacy", calibration_loader=calibration), (x,), {}),
        "distilled": (distill_model(mlp(), mlp().train(), [torch.randn(8, 8)], alpha=1.0).student, (x,), {}),
    }
    traced = torch.jit.trace(mlp(), x)
    models["traced"] = (convert_to_mixed_precision(traced, torch.bfloat16, False), (x,), {})
    batch = torch.export.Dim("batch", min=1, max=64)
    for name, example in (
        ("exported", ((torch.randn(2, 8),), {})),
        ("keywords", ((), {"features": torch.randn(2, 8)})),
    ):
        program = torch.export.export(Logits(Ranker()), *example, dynamic_shapes={"features": {0: batch}})
        given = ((x,), {}) if name == "exported" else ((), {"features": x})
        models[name] = (convert_to_mixed_precision(program.module(), torch.bfloat16, False), *given)
    if find_spec("torch_pruning"):
        structured = prune_model(mlp(), "structured", 0.5, example_inputs=x)
        models["structured"] = (structured, (x,), {})
    if find_spec("torchao"):
        models["torchao"] = (quantize_model(Encoder().eval(), backend="torchao"), (tokens,), {})
        models["weights"] = (quantize_model(mlp(), "weight_only", 4, backend="torchao"), (x,), {})
        models["pt2e"] = (quantize_model(Ranker().eval(), backend="pt2e", example_inputs=keywords), (), keywords)
    if find_spec("onnxruntime") and find_spec("onnxscript"):
        models["onnx"] = (quantize_model(Ranker().eval(), backend="onnxruntime", example_inputs=keywords), (), keywords)
    if find_spec("openvino") and find_spec("nncf"):
        models["openvino"] = (
            quantize_model(mlp(), "static", backend="openvino", calibration_loader=calibration),
            (x,),
            {},
        )
    return models


def test_each_kind_gives_the_same_outputs_in_a_fresh_process(tmp_path: Path) -> None:
    models = made()
    for name, (model, args, kwargs) in models.items():
        save_optimized(model, tmp_path / name)
        torch.save((args, kwargs), tmp_path / f"{name}.in")

    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", LOAD, *(str(tmp_path / name) for name in models)],
        env={"PYTHONPATH": str(SUPPORT), "PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    for name, (model, args, kwargs) in models.items():
        logits, kind, training, recipe = torch.load(tmp_path / f"{name}.out")
        with torch.no_grad():
            expected = model(*args, **kwargs)
        torch.testing.assert_close(logits, getattr(expected, "logits", expected), msg=name)
        assert (kind, training) == (type(expected).__name__, model.training)
        assert recipe == recipe_of(model).kind  # type: ignore[union-attr]


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """A pruned model, saved."""
    return save_optimized(prune_model(mlp(), amount=0.5), tmp_path / "pruned")


def test_the_manifest_tells_what_it_is_and_how_it_was_made(saved: Path) -> None:
    manifest = json.loads((saved / "manifest.json").read_text())
    assert manifest["recipe"]["kind"] == "magnitude pruning"
    assert manifest["recipe"]["settings"]["amount"] == 0.5
    assert manifest["recipe"]["changed"]["parameters"] > 0
    assert manifest["recipe"]["model"] == "torch.nn.modules.container:Sequential"
    assert manifest["versions"]["torch"] == torch.__version__
    data = (saved / "model.pt").read_bytes()
    assert manifest["files"] == {"model.pt": {"sha256": hashlib.sha256(data).hexdigest(), "size_bytes": len(data)}}
    assert sorted(path.name for path in saved.parent.iterdir()) == ["pruned"]


def test_a_file_that_changed_is_not_loaded(saved: Path) -> None:
    with (saved / "model.pt").open("ab") as file:
        file.write(b"more")
    with pytest.raises(ModelError, match="is not the file that the manifest tells of"):
        load_optimized(saved)


def test_a_folder_that_others_may_write_to_needs_a_hash(saved: Path) -> None:
    saved.chmod(0o777)
    with pytest.raises(ModelError, match="can be written to by others"):
        load_optimized(saved)
    digest = hashlib.sha256((saved / "manifest.json").read_bytes()).hexdigest()
    assert load_optimized(saved, trust=f"sha256:{digest}")(torch.ones(1, 8)).shape == (1, 4)
    with pytest.raises(ModelError, match="its SHA-256 is"):
        load_optimized(saved, trust=f"sha256:{'0' * 64}")


def test_what_is_missing_here_is_named(saved: Path) -> None:
    path = saved / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["recipe"]["packages"] = ["torch", "no-such-package"]
    manifest["versions"] = {"torch": "2.12.0", "no-such-package": "4.2"}
    path.write_text(json.dumps(manifest))
    with pytest.raises(ModelError, match=r"needs no-such-package 4.2, which is not installed here"):
        load_optimized(saved)


def test_another_version_is_noted(saved: Path) -> None:
    path = saved / "manifest.json"
    path.write_text(path.read_text().replace(torch.__version__, "2.12.0"))
    recipe = recipe_of(load_optimized(saved))
    assert recipe is not None
    assert recipe.notes[-1] == f"made with torch 2.12.0, loaded with {torch.__version__}"


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"version": 9}', '{"version": 1}'])
def test_what_is_no_manifest_is_told(saved: Path, text: str) -> None:
    (saved / "manifest.json").write_text(text)
    with pytest.raises(ModelError, match=r"manifest.json: is (no|a) manifest"):
        load_optimized(saved)


def test_a_manifest_cannot_name_files_elsewhere(saved: Path) -> None:
    path = saved / "manifest.json"
    path.write_text(path.read_text().replace('"model.pt"', '"../model.pt"'))
    with pytest.raises(ModelError, match="names a file outside of its folder"):
        load_optimized(saved)


def test_nothing_is_written_over(saved: Path) -> None:
    with pytest.raises(ModelError, match="exists already"):
        save_optimized(prune_model(mlp()), saved)


def test_a_model_that_nobody_optimized_is_not_saved(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="was not made by one of mmied's optimizations"):
        save_optimized(mlp(), tmp_path / "plain")


def test_a_model_with_a_lambda_says_why_it_cannot_be_saved(tmp_path: Path) -> None:
    pruned = prune_model(Holding(lambda tensor: tensor.relu()).eval())
    with pytest.raises(ModelError, match=r"Holding cannot be saved: .*lambda"):
        save_optimized(pruned, tmp_path / "held")
    assert list(tmp_path.iterdir()) == []


def test_a_class_of_a_script_says_that_no_other_process_could_load_it(tmp_path: Path) -> None:
    pruned = prune_model(type("Mine", (nn.Linear,), {"__module__": "__main__"})(8, 4))
    with pytest.raises(ModelError, match="is a Mine of __main__, which no other process can import"):
        save_optimized(pruned, tmp_path / "mine")


def test_a_full_disk_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(ModelError, match=r"cannot be written: No space left on device. Nothing was left there"):
        save_optimized(prune_model(mlp()), tmp_path / "pruned")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("form", ["script", "graph"])
def test_a_graph_of_half_precision_takes_half_the_bytes(form: str, tmp_path: Path) -> None:
    model = nn.Sequential(nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 512)).eval()
    example = torch.randn(2, 512)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        graph = torch.jit.trace(model, example) if form == "script" else torch.export.export(model, (example,)).module()
    saved = save_optimized(convert_to_mixed_precision(graph, torch.bfloat16, use_auto_cast=False), tmp_path / "half")
    weights = sum(parameter.numel() for parameter in model.parameters())
    assert (saved / "model.pt").stat().st_size < 2.2 * weights


def test_a_dataclass_output_comes_back_as_itself(tmp_path: Path) -> None:
    pytest.importorskip("onnxscript", reason="exporting to ONNX needs onnxscript")
    pytest.importorskip("onnxruntime", reason="the file is run by ONNX Runtime")
    model = quantize_model(Ranker().eval(), backend="onnxruntime", example_inputs=torch.randn(2, 8))
    loaded = load_optimized(save_optimized(model, tmp_path / "ranker"))
    assert isinstance(loaded(torch.ones(1, 8)), Answer)
