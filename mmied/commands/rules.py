"""`mmied rules`: print what Prometheus, or Grafana, is to record and to alert on."""

import argparse
from collections.abc import Callable, Sequence

from mmied.alerting import (
    DEFAULT_JOB,
    DEFAULT_RUNBOOKS,
    THRESHOLDS,
    Settings,
    grafana_rules,
    prometheus_rules,
    read_thresholds,
)

AddVerb = Callable[[str, Callable[[argparse.Namespace], int], str], argparse.ArgumentParser]
WRITERS = {"prometheus": prometheus_rules, "grafana": grafana_rules}


def add_rules_command(add_verb: AddVerb) -> None:
    """Add the command by `add_verb(name, function, help)`."""
    parser = add_verb("rules", _rules, "print the recording and alerting rules")
    parser.add_argument("--job", default=DEFAULT_JOB, metavar="NAME", help="the scrape job; default: %(default)s")
    parser.add_argument(
        "--threshold",
        nargs="+",
        action="extend",
        default=[],
        metavar="NAME=VALUE",
        help="; ".join(f"{each.name} ({each.value:g})" for each in THRESHOLDS),
    )
    parser.add_argument(
        "--runbook-url", default=DEFAULT_RUNBOOKS, metavar="BASE", help="where the runbooks are; default: %(default)s"
    )
    parser.add_argument(
        "--format", choices=tuple(WRITERS), default="prometheus", help="whose file; default: %(default)s"
    )


def _rules(options: argparse.Namespace) -> int:
    return rules(job=options.job, thresholds=options.threshold, runbook_url=options.runbook_url, form=options.format)


def rules(*, job: str, thresholds: Sequence[str], runbook_url: str, form: str) -> int:
    """Print the rules in a form of WRITERS; thresholds are NAME=VALUE. Raises MmiedError."""
    settings = Settings(job=job, thresholds=read_thresholds(thresholds), runbooks=runbook_url)
    print(WRITERS[form](settings), end="")
    return 0
