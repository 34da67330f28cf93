"""The guide's snippets run as they stand, and so does the example."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
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
