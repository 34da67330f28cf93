"""The command line of detect: what may be asked for, and whom it is handed to."""

import argparse
from collections.abc import Callable
from pathlib import Path

Function = Callable[[argparse.Namespace], int]


def add_detect_command(add_verb: Callable[[str, Function, str], argparse.ArgumentParser]) -> None:
    """Add the command by `add_verb(name, function, help)`."""
    parser = add_verb("detect", _detect, "find where the level of a series of figures changed")
    parser.add_argument("file", type=Path, metavar="FILE", help="CSV with or without a line of names, or .json")
    parser.add_argument(
        "--column",
        dest="columns",
        nargs="+",
        default=[],
        metavar="NAME|NUMBER",
        help="which, counted from 1; default: all that hold figures",
    )
    parser.add_argument("--online", action="store_true", help="follow it value by value, as the daemon does")
    parser.add_argument("--better", choices=("lower", "higher"), default="lower", help="default: %(default)s")
    parser.add_argument(
        "--minimum-change", default="2%", metavar="PERCENT", help="the least that matters; default: 2%%"
    )
    parser.add_argument("--format", choices=("text", "json"), default="text", help="default: %(default)s")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw the series and their levels into an HTML page")


# A verb imports what it needs when it is called: `mmied status` does not wait for numpy to be imported.


def _detect(options: argparse.Namespace) -> int:
    from mmied.commands.detect import detect

    return detect(
        options.file,
        columns=options.columns,
        online=options.online,
        better=options.better,
        minimum_change=options.minimum_change,
        form=options.format,
        plot=options.plot,
    )
