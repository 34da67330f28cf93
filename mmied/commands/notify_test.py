"""`mmied notify-test`: send a message that says that it is a test to each target of the configuration."""

import socket
import sys
import time
from dataclasses import replace
from pathlib import Path

from mmied.alarms import Alarm
from mmied.config import load_config
from mmied.daemon.sending import send
from mmied.errors import EXIT_FAILURE, MmiedError, NotSent


def notify_test(config_path: Path) -> int:
    """Send a test's start and end to all targets, and tell of each how it went; 1 where one did not take it.

    Raises ConfigError, and MmiedError where there is no target.
    """
    config = load_config(config_path)
    if not config.notify:
        raise MmiedError(
            f"{config.path}: `notify` names no target. Try notify: [{{webhook: https://example.org/hook}}]."
        )
    host, failed = socket.gethostname(), False
    for position, target in enumerate(config.notify, 1):
        now = time.time()
        test = Alarm(
            name="MmiedNotifyTest",
            severity="info",
            labels={},
            summary="A test: nothing is wrong.",
            description="Somebody ran mmied notify-test to see whether messages arrive.",
            started_at=now,
        )
        try:
            send(target, [test], now=now, runbooks=config.runbooks, host=host)
            send(target, [replace(test, ended_at=now)], now=now, runbooks=config.runbooks, host=host)
        except NotSent as error:
            failed = True
            print(f"{position} {target.kind}: {error}", file=sys.stderr)
        else:
            print(f"{position} {target.kind}: took it")
    return EXIT_FAILURE if failed else 0
