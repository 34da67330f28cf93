"""The figures from which alerts fire, each written once, and reading those that a user gives instead."""

import difflib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mmied.alarms import FAILED_RUNS, SEVERE_CHANGE_RATIO
from mmied.errors import MmiedError


@dataclass(frozen=True, slots=True)
class Threshold:
    """A figure of an alert; a share is at most 1."""

    name: str
    value: float
    help: str
    most: float = math.inf


THRESHOLDS = (
    Threshold(
        "severe_change_ratio",
        SEVERE_CHANGE_RATIO,
        "change against the baseline from which a regression is severe; 0.5 is 50 %",
    ),
    Threshold("fleet_hosts", 3, "hosts on which a model has to regress to be a regression of the fleet"),
    Threshold("fleet_share_ratio", 0.5, "share of the model's hosts that has to be exceeded for it", most=1),
    Threshold("objective_days", 14, "days ahead within which an objective that will be crossed is told"),
    Threshold("failed_runs", FAILED_RUNS, "failed runs in a row"),
    Threshold("stale_intervals", 3, "planned intervals without a successful run"),
    Threshold("starved_share_ratio", 0.8, "share of attempts refused over six hours", most=1),
    Threshold("budget_demand_ratio", 1, "CPU or GPU time that the schedule asks for, over what the budget gives"),
    Threshold("store_share_ratio", 0.9, "share of the history's size limit", most=1),
    Threshold("throttled_share_ratio", 0.25, "share of a quarter of an hour in which a GPU's clocks are held", most=1),
)
BY_NAME = {threshold.name: threshold for threshold in THRESHOLDS}


def read_thresholds(words: Sequence[str]) -> Mapping[str, float]:
    """Return the thresholds that were written as NAME=VALUE. Raises MmiedError."""
    found: dict[str, float] = {}
    for word in words:
        name, sign, text = word.partition("=")
        if not sign:
            raise MmiedError(f'--threshold: "{word}" is not NAME=VALUE. Try "failed_runs=5".')
        if name not in BY_NAME:
            raise MmiedError(f'--threshold: there is no "{name}". {_suggestion(name)}')
        if name in found:
            raise MmiedError(f"--threshold: {name} is given twice. Leave one out.")
        found[name] = _figure(BY_NAME[name], text)
    return found


def _figure(threshold: Threshold, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or value < 0:
        raise MmiedError(
            f'--threshold: {threshold.name}: "{text}" is not a number from 0 on. The default is {threshold.value:g}.'
        )
    if value > threshold.most:
        raise MmiedError(
            f"--threshold: {threshold.name}: {value:g} is never reached, it is a share of 1. "
            f"The default is {threshold.value:g}."
        )
    return value


def _suggestion(name: str) -> str:
    near = difflib.get_close_matches(name[:64], BY_NAME, n=1)
    return f'Did you mean "{near[0]}"?' if near else f"Known are {', '.join(BY_NAME)}."
