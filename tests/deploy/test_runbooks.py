"""Each alert has a runbook of five parts, and what a runbook tells to do or to ask can be done and asked."""

import argparse
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from promql import known_series, selectors
from rule_files import ALERTS, RECORDINGS, ROOT, RUNBOOKS

from mmied import cli
from mmied.alerting import THRESHOLDS

HEADINGS = ["Meaning", "Impact", "Diagnosis", "Mitigation", "When it is a false alarm"]
PAGES = sorted(path for path in RUNBOOKS.glob("*.md") if path.name != "README.md")
SERIES = known_series()
CONFIGURATION = (ROOT / "docs/configuration.md").read_text()
CODE = "".join(path.read_text() for path in (ROOT / "mmied").rglob("*.py"))


def commands(parser: argparse.ArgumentParser, name: str = "mmied") -> Iterator[tuple[str, set[str]]]:
    """Yield each command with its options."""
    below = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    for action in below:
        for word, sub in action.choices.items():
            yield from commands(sub, f"{name} {word}")
    yield name, {option for action in parser._actions for option in action.option_strings}


COMMANDS = dict(commands(cli._parser()))


def code_of(text: str, language: str) -> list[str]:
    """Return the lines of the blocks in a language."""
    blocks = re.findall(rf"^ *```{language}\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL)
    return [line.partition(" #")[0].strip() for block in blocks for line in block.splitlines()]


def spans(text: str) -> list[str]:
    """Return what stands between single backticks."""
    return re.findall(r"`([^`\n]+)`", re.sub(r"^ *```.*?^ *```", "", text, flags=re.MULTILINE | re.DOTALL))


def of_mmied(text: str) -> list[list[str]]:
    """Return the commands of ours that a page names, in words."""
    lines = [*code_of(text, "sh"), *spans(text)]
    return [shlex.split(line) for line in lines if line.startswith("mmied ")]


def test_there_is_a_runbook_for_each_alert_and_for_nothing_else() -> None:
    assert [path.stem for path in PAGES] == sorted(ALERTS)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_runbook_has_the_five_parts_and_each_says_something(page: Path) -> None:
    text = page.read_text()
    title, *parts = re.split(r"^## ", text, flags=re.MULTILINE)

    assert title == f"# {page.stem}\n\n"
    assert [part.partition("\n")[0] for part in parts] == HEADINGS
    assert all(len(part.partition("\n")[2].strip()) > 20 for part in parts)
    assert len(text) < 4000, "it is read at night"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_commands_that_a_runbook_tells_are_there(page: Path) -> None:
    for words in of_mmied(page.read_text()):
        command = max((name for name in COMMANDS if words[: len(name.split())] == name.split()), key=len)
        assert command != "mmied", words
        options = {word.partition("=")[0] for word in words if word.startswith("--")}
        assert options <= COMMANDS[command], words


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_series_that_a_runbook_asks_for_are_there(page: Path) -> None:
    text = page.read_text()
    for line in code_of(text, "promql"):
        for name, matched in selectors(line):
            assert matched <= SERIES[name], line
    for name in re.findall(r"`(mmied_\w+)", text):
        assert name in SERIES or name in RECORDINGS, name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_settings_and_thresholds_that_a_runbook_names_are_there(page: Path) -> None:
    text = page.read_text()
    for key in re.findall(
        r"`((?:schedule|budget|admission|history|artifacts|optimize|regressions|http|models\[\])\.[\w.]+)", text
    ):
        assert f"`{key}`" in CONFIGURATION, key
    known = {threshold.name for threshold in THRESHOLDS}
    assert set(re.findall(r"--threshold (\w+)=", text)) <= known
    assert set(re.findall(r"`((?!mmied_)\w+_(?:ratio|intervals|runs|hosts|days))`", text)) <= known


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_events_that_a_runbook_looks_for_are_logged(page: Path) -> None:
    for pattern in re.findall(r"journalctl -u mmied -g \"?([\w|]+)", page.read_text()):
        for event in pattern.split("|"):
            assert f'"{event}"' in CODE, event


@pytest.mark.parametrize("page", [*PAGES, RUNBOOKS / "README.md"], ids=lambda page: page.stem)
def test_the_links_of_a_runbook_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", page.read_text()):
        file, _, heading = target.partition("#")
        found = (page.parent / file).resolve()
        assert found.is_file(), target
        headings = re.findall(r"^#+ (.*)$", found.read_text(), re.MULTILINE)
        assert not heading or heading in {re.sub(r"[^\w -]", "", each).lower().replace(" ", "-") for each in headings}
