"""The command line does what docs/commands.md says: every command, option and metric stands there."""

import argparse
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mmied import cli
from mmied.commands.reporting import FORMATS, parse_formats
from mmied.commands.shared_arguments import DEFAULT_FORMATS
from mmied.verdicts.thresholds import ALIASES, METRICS, SIZES, TIMES

DOCUMENT = (Path(__file__).parents[1] / "docs/commands.md").read_text()


def commands(parser: argparse.ArgumentParser, name: str = "mmied") -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """Yield each command that does something, with its parser."""
    below = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    for action in below:
        for word, sub in action.choices.items():
            yield from commands(sub, f"{name} {word}")
    if not below:
        yield name, parser


COMMANDS = dict(commands(cli._parser()))


def section(name: str) -> str:
    """Return what the document says under the heading of a command."""
    match = re.search(rf"^## {name}$(.*?)(?=^## |\Z)", DOCUMENT, re.MULTILINE | re.DOTALL)
    assert match is not None, f"docs/commands.md has no section {name}"
    return match[1]


@pytest.mark.parametrize("name", COMMANDS)
def test_each_option_of_a_command_stands_in_its_section(name: str) -> None:
    told = section(name)
    options = {option for action in COMMANDS[name]._actions for option in action.option_strings} - {"-h", "--help"}
    missing = {option for option in options if not re.search(rf"`{option}[ `]", told)}
    assert not missing


@pytest.mark.parametrize("name", COMMANDS)
def test_no_section_tells_of_an_option_that_is_not_there(name: str) -> None:
    known = {option for action in COMMANDS[name]._actions for option in action.option_strings}
    cells = [line.split("|")[1] for line in section(name).splitlines() if line.startswith("| `--")]
    told = {option for cell in cells for option in re.findall(r"--[a-z][a-z-]*", cell)}
    assert told <= known


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_is_linked_in_the_first_table(name: str) -> None:
    assert f"[`{name}`](#{name.replace(' ', '-')})" in DOCUMENT


def test_each_metric_and_unit_of_thresholds_is_told() -> None:
    told = section("mmied profile")
    for word in (*METRICS, *ALIASES):
        assert f"`{word}`" in told, word
    table = told.partition("### Thresholds")[2].partition("### Baselines")[0]
    for unit in ({*TIMES} - {"µs"}) | {unit for unit in SIZES if unit[0] in "kKMG"}:
        assert f"`{unit}`" in table, unit


def test_each_way_to_break_a_promise_has_an_exit_status() -> None:
    for status in (0, 1, 2, 78, cli.EXIT_INTERRUPTED):
        assert f"| {status} |" in DOCUMENT


def test_the_default_formats_are_known() -> None:
    assert set(parse_formats([DEFAULT_FORMATS], "--format")) <= set(FORMATS)


def test_an_interrupt_is_told_and_has_its_status(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(options: argparse.Namespace) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "_check", interrupted)
    assert cli.main(["check"]) == 130
    assert capsys.readouterr().err == "mmied: interrupted; what it had started was ended\n"


def test_a_command_waits_for_no_torch() -> None:
    script = (
        "import sys, mmied.commands.profile, mmied.commands.compare, mmied.commands.flamegraph; "
        "sys.exit('torch' in sys.modules or 'matplotlib' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], env=os.environ).returncode == 0
