"""Candidates of a user's own come by import path, or with an installed package."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from mmied.candidates import CANDIDATES, as_asked, chosen_candidates, known_candidates
from mmied.errors import MmiedError

Install = Callable[[str], None]
ROW = """
from mmied.optimization import Candidate
trick = Candidate(name={name!r}, summary="less", function="shop_tricks:f", exactness="exact", routes=("eager",))
"""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Put a package on the path that brings a candidate: `install(code of its module)`."""

    def put(code: str) -> None:
        info = tmp_path / "shop-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: shop\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[mmied.candidates]\nanything = {tmp_path.name}_tricks:trick\n")
        (tmp_path / f"{tmp_path.name}_tricks.py").write_text(code)
        monkeypatch.syspath_prepend(tmp_path)

    return put


def test_an_installed_package_brings_its_candidates_behind_ours(install: Install) -> None:
    install(ROW.format(name="fewer_layers"))
    known = known_candidates()

    assert known[:-1] == CANDIDATES
    assert known[-1].name == "fewer_layers"
    assert chosen_candidates(["fewer_layers"], known) == known[-1:]


@pytest.mark.parametrize(
    ("code", "told"),
    [
        (ROW.format(name="bfloat16"), "the name bfloat16 is taken"),
        ("trick = 1", "is no mmied.optimization.Candidate"),
        ("raise OSError('no licence')", "OSError: no licence"),
    ],
)
def test_a_package_with_a_bad_one_is_named(code: str, told: str, install: Install) -> None:
    install(code)
    with pytest.raises(MmiedError, match=f"entry point anything of mmied.candidates: {re.escape(told)}"):
        known_candidates()


def test_a_function_is_a_candidate_named_after_its_path() -> None:
    (own,) = chosen_candidates(["shop.tricks:fewer_layers"], CANDIDATES)

    assert (own.name, own.function) == ("shop.tricks.fewer_layers", "shop.tricks:fewer_layers")
    assert [as_asked(name) for name in (own.name, "bfloat16")] == ["shop.tricks:fewer_layers", "bfloat16"]


def test_a_name_that_is_not_known_is_told_with_those_that_are() -> None:
    with pytest.raises(MmiedError, match=r"candidate bflot16: is not known. There are threads_1, .*, or package"):
        chosen_candidates(["bflot16"], CANDIDATES)
