"""The snippets of guide and README run as they stand, and so does the example."""

import re
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from brief import briefly_in_turn

ROOT = Path(__file__).parents[1]


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with briefly_in_turn(monkeypatch):
        yield


@pytest.mark.usefixtures("quick")
def test_the_snippets_of_the_guide_run_one_after_the_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    snippets = re.findall(r"```python\n(.*?)```", (ROOT / "docs/library.md").read_text(), re.DOTALL)
    assert len(snippets) >= 8
    names: dict[str, object] = {}
    for snippet in snippets:
        exec(compile(snippet, "docs/library.md", "exec"), names)
    assert {path.name for path in tmp_path.iterdir()} >= {"profiling_report.html", "profile.json", "profile.csv"}


def test_the_demonstration_writes_its_charts_and_reports(tmp_path: Path) -> None:
    script = ROOT / "examples" / "hardware_profiling_demo.py"
    done = subprocess.run(
        [sys.executable, str(script), "--tiny", "--threads", "1", "--batch-sizes", "2", "--output-dir", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "feed-forward" in done.stdout
    written = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.*")}
    assert {"benchmark_report.html", "benchmark_report.md", "small_transformer.html", "summary.json"} <= written
    assert any(name.startswith("medium_transformer_charts/") for name in written)


@pytest.mark.usefixtures("quick")
def test_the_snippet_of_the_readme_runs_on_a_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (snippet,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    exec(compile(snippet, "README.md", "exec"), {})
    assert "latency" in (tmp_path / "report.html").read_text()


def test_the_snippet_of_the_tutorial_writes_the_slower_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (snippet,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs/tutorial.md").read_text(), re.DOTALL)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # TorchScript is deprecated, and deployed
        exec(compile(snippet, "docs/tutorial.md", "exec"), {})
        assert len(list(torch.jit.load("small.pt").encoder.layers.children())) == 3
