"""The command lines of regressions, baseline and calibrate: what may be asked for, and whom it is handed to."""

import argparse
from collections.abc import Callable
from pathlib import Path

from mmied.config.units import parse_duration
from mmied.regression import HOST

Verbs = argparse._SubParsersAction  # argparse has no public name for it
Function = Callable[[argparse.Namespace], int]
AddVerb = Callable[["Verbs[argparse.ArgumentParser]", str, Function, str], argparse.ArgumentParser]

FORMATS = ("text", "json")


def add_regression_commands(
    verbs: "Verbs[argparse.ArgumentParser]", add_verb: AddVerb, *, default_config: Path
) -> None:
    """Add the three commands below `verbs`, each by `add_verb(verbs, name, function, help)`."""
    _add_regressions(add_verb(verbs, "regressions", _list, "print the regressions that were found"), add_verb)
    baseline = verbs.add_parser("baseline", help="print or set what a model's figures are held against")
    _add_baseline(baseline, add_verb)
    calibrate = add_verb(verbs, "calibrate", _calibrate, "tell how noisy the series are, and what can be found in them")
    calibrate.add_argument("--model", metavar="NAME", help="default: all, and the host's own")
    _add_format(calibrate)
    for parser in _below(verbs, "regressions", "baseline", "calibrate"):
        parser.add_argument("--config", type=Path, default=default_config, metavar="FILE", help="default: %(default)s")


def _add_regressions(parser: argparse.ArgumentParser, add_verb: AddVerb) -> None:
    _add_list_options(parser)
    verbs = parser.add_subparsers(metavar="COMMAND", title="commands; without one: list")
    _add_list_options(add_verb(verbs, "list", _list, "those that are active, or younger than 30 days"))
    show = add_verb(verbs, "show", _show, "print all that is known of one: figures, cause, evidence")
    _add_id(show)
    _add_format(show)
    acknowledge = add_verb(verbs, "acknowledge", _acknowledge, "note that somebody has seen one")
    _add_id(acknowledge)
    _add_by(acknowledge)
    acknowledge.add_argument("--note", metavar="TEXT", help="what to say of it")


def _add_list_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", metavar="NAME", help="default: all, and the host's own")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--all", action="store_true", help="improvements too, and of any age")
    which.add_argument("--active", action="store_true", help="only those that are not over")
    parser.add_argument("--since", type=_age, metavar="AGE", help="only those that began in that time: 7d, 12h")
    _add_format(parser)


def _add_baseline(parser: argparse.ArgumentParser, add_verb: AddVerb) -> None:
    verbs = parser.add_subparsers(required=True, metavar="COMMAND")
    show = add_verb(verbs, "show", _baseline_show, "print what each series of a model is held against")
    _add_series(show)
    _add_format(show)
    for name, function, text in (
        ("accept", _baseline_accept, "this is the new normal: hold a model against what it is now"),
        ("reset", _baseline_reset, "drop what was accepted or pinned, and learn anew from now on"),
        ("pin", _baseline_pin, "hold a model against a profile that was saved by `mmied profile`"),
    ):
        verb = add_verb(verbs, name, function, text)
        if name == "pin":
            verb.add_argument("file", type=Path, metavar="FILE", help="the profile's JSON")
        _add_series(verb, host=name != "pin")
        verb.add_argument("--why", metavar="TEXT", help="for the change ledger")
        _add_by(verb)


def _add_series(parser: argparse.ArgumentParser, *, host: bool = True) -> None:
    whose = parser.add_mutually_exclusive_group(required=True)
    whose.add_argument("--model", metavar="NAME")
    if host:
        whose.add_argument(
            "--host", dest="model", action="store_const", const=HOST, help="the host's own: its reference workloads"
        )
    parser.add_argument("--metric", nargs="+", default=[], metavar="NAME", help="default: all")
    parser.add_argument("--scenario", nargs="+", default=[], metavar="NAME", help="default: all")


def _add_id(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("id", metavar="ID", help="of `list`, or how it begins")


def _add_by(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--by", metavar="NAME", help="who says so; default: you")


def _add_format(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--format", choices=FORMATS, default="text", help="default: %(default)s")


def _below(verbs: "Verbs[argparse.ArgumentParser]", *names: str) -> list[argparse.ArgumentParser]:
    """Return the parsers of these commands that do something, and of those below them."""
    found: list[argparse.ArgumentParser] = []
    for name in names:
        parser = verbs.choices[name]
        below = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
        if parser.get_default("verb") is not None:
            found.append(parser)
        for action in below:
            found += _below(action, *action.choices)
    return found


def _age(text: str) -> float:
    try:
        return parse_duration(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text} {error}") from error


# A verb imports what it needs when it is called.


def _list(options: argparse.Namespace) -> int:
    from mmied.commands.regressions import list_regressions

    return list_regressions(
        options.config,
        options.model,
        active=options.active,
        everything=options.all,
        since_seconds=options.since,
        form=options.format,
    )


def _show(options: argparse.Namespace) -> int:
    from mmied.commands.regressions import show_regression

    return show_regression(options.config, options.id, form=options.format)


def _acknowledge(options: argparse.Namespace) -> int:
    from mmied.commands.own_history import whoever
    from mmied.commands.regressions import acknowledge

    return acknowledge(options.config, options.id, by=options.by or whoever(), note=options.note)


def _baseline_show(options: argparse.Namespace) -> int:
    from mmied.commands.baseline import show_baselines

    return show_baselines(options.config, options.model, options.metric, options.scenario, form=options.format)


def _baseline_accept(options: argparse.Namespace) -> int:
    from mmied.commands.baseline import accept

    return accept(options.config, options.model, options.metric, options.scenario, **_said(options))


def _baseline_reset(options: argparse.Namespace) -> int:
    from mmied.commands.baseline import reset

    return reset(options.config, options.model, options.metric, options.scenario, **_said(options))


def _baseline_pin(options: argparse.Namespace) -> int:
    from mmied.commands.baseline import pin

    return pin(options.config, options.file, options.model, options.metric, options.scenario, **_said(options))


def _said(options: argparse.Namespace) -> dict[str, str]:
    from mmied.commands.own_history import whoever

    return {"by": options.by or whoever(), "why": options.why}


def _calibrate(options: argparse.Namespace) -> int:
    from mmied.commands.calibrate import calibrate

    return calibrate(options.config, options.model, form=options.format)
