"""Write log lines to standard output: a sentence for people, or JSON when asked."""

import json
import logging
import sys
from typing import TextIO

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def set_up_logging(*, as_json: bool, handler: logging.Handler, stream: TextIO | None = None) -> None:
    """Send the root logger to `stream`, standard output unless given, and to `handler`.

    A message is an event's name; its facts are extra.
    """
    lines = logging.StreamHandler(stream or sys.stdout)
    lines.setFormatter(_JsonFormatter() if as_json else _TextFormatter())
    logging.basicConfig(level=logging.INFO, handlers=[lines, handler], force=True)
    logging.getLogger("alembic").setLevel(logging.WARNING)


def _facts(record: logging.LogRecord) -> dict[str, object]:
    return {key: value for key, value in vars(record).items() if key not in _STANDARD and value is not None}


class _TextFormatter(logging.Formatter):
    """`INFO run_ended model=ranker outcome=succeeded`; the journal adds the time."""

    def format(self, record: logging.LogRecord) -> str:
        facts = " ".join(f"{key}={_quoted(value)}" for key, value in _facts(record).items())
        trace = f"\n{self.formatException(record.exc_info)}" if record.exc_info else ""
        return f"{record.levelname} {record.getMessage()} {facts}".rstrip() + trace


def _quoted(value: object) -> str:
    text = str(value).replace("\n", " | ")
    return f'"{text}"' if " " in text else text


class _JsonFormatter(logging.Formatter):
    """One JSON object a line, with time, level, event and its facts."""

    def format(self, record: logging.LogRecord) -> str:
        line = {"time": record.created, "level": record.levelname.lower(), "event": record.getMessage()}
        trace = {"traceback": self.formatException(record.exc_info)} if record.exc_info else {}
        return json.dumps(line | _facts(record) | trace, default=str)
