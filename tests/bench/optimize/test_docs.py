"""The documentation of the library of optimizations runs as it stands, from its first line to its last."""

import re
from pathlib import Path

import pytest

import mmied

PAGE = Path(__file__).parents[3] / "docs" / "optimization-library.md"


def test_the_examples_run_in_their_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(), flags=re.DOTALL)
    assert len(blocks) > 6
    names = {"__name__": "example"}
    for block in blocks:
        exec(compile(block, str(PAGE), "exec"), names)
    assert (tmp_path / "ranker-pruned" / "manifest.json").is_file()


def test_each_name_of_the_page_is_public() -> None:
    for line in re.findall(r"^from mmied import (.*)$", PAGE.read_text(), flags=re.MULTILINE):
        for name in line.split(", "):
            assert name in mmied.__all__
