"""`mmied grafana`: bring the dashboards to where Grafana has them from."""

import argparse
from collections.abc import Callable
from pathlib import Path

AddVerb = Callable[[str, Callable[[argparse.Namespace], int], str], argparse.ArgumentParser]
DEFAULT_FOLDER = "mmied"


def add_grafana_commands(add_verb: AddVerb) -> None:
    """Add the two commands, each by `add_verb(name, function, help)`."""
    push = add_verb("push", _push, "write the dashboards into a Grafana by its HTTP API")
    push.add_argument("--url", required=True, metavar="URL", help="of Grafana, with its path if it has one")
    token = push.add_mutually_exclusive_group(required=True)
    token.add_argument("--token-file", type=Path, metavar="FILE", help="a file that holds the token alone")
    token.add_argument("--token", metavar="TOKEN", help="of a service account that may edit; others on the host see it")
    push.add_argument(
        "--folder", default=DEFAULT_FOLDER, metavar="TITLE", help="made if it is not there; default: %(default)s"
    )
    push.add_argument("--ca", type=Path, metavar="FILE", help="certificates to trust, for TLS")
    export = add_verb("export", _export, "write the dashboards as files, for Grafana's provisioning")
    export.add_argument("--output", type=Path, required=True, metavar="DIR", help="made if it is not there")


def _push(options: argparse.Namespace) -> int:
    from mmied.commands.grafana_push import push, read_token

    token = read_token(options.token_file) if options.token_file is not None else options.token
    return push(options.url, token=token, folder=options.folder, ca_file=options.ca)


def _export(options: argparse.Namespace) -> int:
    from mmied.commands.grafana_dashboards import export

    return export(options.output)
