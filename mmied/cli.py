"""The command line: read arguments, call the verb, turn what went wrong into a sentence and an exit status."""

import argparse
import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from mmied import __version__
from mmied.commands.bench_arguments import add_bench_commands
from mmied.commands.detect_arguments import add_detect_command
from mmied.commands.grafana import add_grafana_commands
from mmied.commands.optimize_arguments import add_optimize_command
from mmied.commands.regression_arguments import add_regression_commands
from mmied.commands.rules import add_rules_command
from mmied.commands.shared_arguments import positive
from mmied.errors import EXIT_FAILURE, ConfigError, MmiedError

DEFAULT_CONFIG = Path("/etc/mmied/mmied.yaml")
DEFAULT_LISTEN = "127.0.0.1:9177"
EXIT_INTERRUPTED = 130  # as shells tell SIGINT


def main(arguments: list[str] | None = None) -> int:
    """Run `mmied` with `arguments` (those of the process unless given) and return its exit status."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.verb(options))
    except ConfigError as error:
        for mistake in error.mistakes:
            print(mistake, file=sys.stderr)
        return error.exit_status
    except MmiedError as error:
        print(f"mmied: {error}", file=sys.stderr)
        return error.exit_status
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # `| head` has what it wanted
        return EXIT_FAILURE
    except KeyboardInterrupt:
        print("mmied: interrupted; what it had started was ended", file=sys.stderr)
        return EXIT_INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="mmied", description="Profile deployed PyTorch models, continuously and politely."
    )
    parser.add_argument("--version", action="version", version=f"mmied {__version__}")
    verbs = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    run = _verb(verbs, "run", _run, "be the daemon; with --once, measure each scenario once and end")
    run.add_argument("--config", type=Path, default=DEFAULT_CONFIG, metavar="FILE", help="default: %(default)s")
    run.add_argument("--once", action="store_true", help="each scenario once, now; exit status 1 if one failed")
    run.add_argument("--textfile", type=Path, metavar="FILE", help="write the metrics there too, after each run")
    _add_log_format(run)

    check = _verb(verbs, "check", _check, "tell all mistakes of a configuration; exit status 78 if there are any")
    check.add_argument(
        "config", type=Path, nargs="?", default=DEFAULT_CONFIG, metavar="FILE", help="default: %(default)s"
    )
    check.add_argument("--load", action="store_true", help="open each model in a worker and run one batch")

    doctor = _verb(verbs, "doctor", _doctor, "tell what this host lacks; exit status 1 if something does not work")
    doctor.add_argument("--config", type=Path, default=DEFAULT_CONFIG, metavar="FILE", help="default: %(default)s")
    doctor.add_argument("--format", choices=("text", "json"), default="text", help="default: %(default)s")

    demo = _verb(verbs, "demo", _demo, "write three models and profile them, to look around")
    demo.add_argument("--state", type=Path, metavar="DIR", help="default: $XDG_STATE_HOME/mmied-demo")
    demo.add_argument("--listen", default=DEFAULT_LISTEN, metavar="HOST:PORT", help="default: %(default)s")
    _add_log_format(demo)

    status = _verb(verbs, "status", _status, "ask the running daemon; exit status 1 if a model fails")
    status.add_argument("--json", action="store_true", help="all of it")
    status.add_argument("--url", help="where the daemon answers; default: `http.listen` of the configuration")
    status.add_argument("--config", type=Path, metavar="FILE", help=f"default: {DEFAULT_CONFIG}, where it is there")
    status.add_argument("--user", help="for basic auth, with the password in MMIED_PASSWORD")
    status.add_argument("--ca", type=Path, metavar="FILE", help="certificates to trust, for TLS")

    history = _verb(verbs, "history", _history, "print the runs of a model")
    history.add_argument("--model", required=True, metavar="NAME")
    history.add_argument("--config", type=Path, default=DEFAULT_CONFIG, metavar="FILE", help="default: %(default)s")
    history.add_argument("--limit", type=positive, default=50, metavar="RUNS", help="default: %(default)s")
    form = history.add_mutually_exclusive_group()
    form.add_argument("--json", dest="form", action="store_const", const="json", help="a run a line")
    form.add_argument("--csv", dest="form", action="store_const", const="csv", help="a scenario of a run a line")

    add_bench_commands(partial(_verb, verbs))
    add_optimize_command(partial(_verb, verbs))
    add_detect_command(partial(_verb, verbs))
    add_rules_command(partial(_verb, verbs))
    test = _verb(verbs, "notify-test", _notify_test, "send a test message to each target of `notify`")
    test.add_argument("--config", type=Path, default=DEFAULT_CONFIG, metavar="FILE", help="default: %(default)s")

    grafana = verbs.add_parser("grafana", help="bring the dashboards to Grafana")
    add_grafana_commands(partial(_verb, grafana.add_subparsers(required=True, metavar="COMMAND")))

    add_regression_commands(verbs, _verb, default_config=DEFAULT_CONFIG)

    trust = verbs.add_parser("trust", help="say which model files may be loaded as code")
    trust_verbs = trust.add_subparsers(required=True, metavar="COMMAND")
    add = _verb(trust_verbs, "add", _trust_add, "write a model file's SHA-256 into the configuration")
    add.add_argument("file", type=Path, metavar="FILE")
    add.add_argument("--config", type=Path, default=DEFAULT_CONFIG, metavar="FILE", help="default: %(default)s")
    return parser


def _verb(
    verbs: "argparse._SubParsersAction[argparse.ArgumentParser]",
    name: str,
    function: Callable[[argparse.Namespace], int],
    text: str,
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = verbs.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
    parser.set_defaults(verb=function)
    return parser


def _add_log_format(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--log-format", choices=("text", "json"), default="text", help="default: %(default)s")


# A verb imports what it needs when it is called: `mmied status` does not wait for a web server to be imported.


def _run(options: argparse.Namespace) -> int:
    if options.once:
        from mmied.commands.once import run_once

        return run_once(options.config, textfile=options.textfile, log_json=options.log_format == "json")
    from mmied.commands.run import run

    return run(options.config, textfile=options.textfile, log_json=options.log_format == "json")


def _check(options: argparse.Namespace) -> int:
    from mmied.commands.check import check

    return check(options.config, load=options.load)


def _doctor(options: argparse.Namespace) -> int:
    from mmied.commands.doctor import doctor

    return doctor(options.config, as_json=options.format == "json")


def _notify_test(options: argparse.Namespace) -> int:
    from mmied.commands.notify_test import notify_test

    return notify_test(options.config)


def _demo(options: argparse.Namespace) -> int:
    from mmied.commands.demo import default_state, demo

    return demo(options.state or default_state(), listen=options.listen, log_json=options.log_format == "json")


def _status(options: argparse.Namespace) -> int:
    from mmied.commands.status import status

    url = options.url or _url_of(options.config)
    password = os.environ.get("MMIED_PASSWORD")
    return status(url.rstrip("/"), as_json=options.json, user=options.user, password=password, ca_file=options.ca)


def _url_of(config: Path | None) -> str:
    """Return where the daemon of a configuration answers on this host."""
    from mmied.commands.run import web_config_of
    from mmied.config import load_config

    if config is None and not DEFAULT_CONFIG.exists():
        return f"http://{DEFAULT_LISTEN}"
    loaded = load_config(config or DEFAULT_CONFIG)
    web_config = web_config_of(loaded)
    scheme = "https" if web_config is not None and web_config.tls is not None else "http"
    host = {"": "localhost", "0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(loaded.http.host, loaded.http.host)
    return f"{scheme}://{f'[{host}]' if ':' in host and not host.startswith('[') else host}:{loaded.http.port}"


def _history(options: argparse.Namespace) -> int:
    from mmied.commands.history import history

    return history(options.config, options.model, form=options.form or "table", limit=options.limit)


def _trust_add(options: argparse.Namespace) -> int:
    from mmied.trust import add_trust

    changed = add_trust(options.config, options.file)
    for name in changed:
        print(f"{options.config}: models.{name} now trusts {options.file}")
    if not changed:
        print(f"{options.config}: trusts {options.file} already")
    return 0
