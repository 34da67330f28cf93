"""Candidates without settings, as a configuration names them by import path; importable as `quicker`."""

import time
from typing import Any

from tricks import Work, fewer_rounds

from mmied.bench.trial.context import Applied, Context


def half(model: Work, context: Context) -> Applied:
    """Half the work: surely faster."""
    return fewer_rounds(model, context, rounds=model.rounds // 2)


def slow_to_make(model: Any, context: Context) -> Applied:
    """Takes seconds to apply, so that a test can come in between."""
    time.sleep(4)
    return fewer_rounds(model, context, rounds=model.rounds - 1)
