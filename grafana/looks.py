"""How values are shown: thresholds, words for numbers, links."""

from typing import Any

from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.models import dashboard as models

Steps = tuple[tuple[float | None, str], ...]

PLAIN: Steps = ((None, "text"),)
ANY_IS_BAD: Steps = ((None, "green"), (1, "red"))
ANY_IS_ODD: Steps = ((None, "green"), (1, "orange"))
ANY_IS_GOOD: Steps = ((None, "text"), (1, "green"))
NONE_IS_BAD: Steps = ((None, "red"), (1, "green"))
BELOW_ZERO_IS_BAD: Steps = ((None, "red"), (0, "orange"), (0.1, "green"))
ABOVE_ONE_IS_GOOD: Steps = ((None, "red"), (1, "green"))
WORSE: Steps = ((None, "green"), (0.05, "yellow"), (0.1, "orange"), (0.5, "red"))
FULL: Steps = ((None, "green"), (0.8, "orange"), (0.9, "red"))

Words = dict[str, tuple[str, str]]  # a value, and the text and colour that stand for it

YES_IS_GOOD: Words = {"0": ("no", "red"), "1": ("yes", "green")}
YES_IS_BAD: Words = {"0": ("no", "green"), "1": ("yes", "red")}
SUCCESS: Words = {"0": ("failed", "red"), "1": ("succeeded", "green")}
REACHED: Words = {"0": ("unreachable", "red"), "1": ("up", "green")}
VERDICTS: Words = {
    "0": ("does not help", "text"),
    "1": ("helps", "green"),
    "2": ("cannot tell", "orange"),
    "3": ("not tried", "blue"),
}
VERDICT_NUMBERS = {"does_not_help": 0, "helps": 1, "cannot_tell": 2, "not_tried": 3}

# The page of a daemon is at the address that Prometheus scrapes, unless relabelling changed `instance`.
PAGE = "${scheme}://"
TIME = "${__url_time_range}&${datasource:queryparam}&${job:queryparam}"


def thresholds(steps: Steps) -> build.ThresholdsConfig:
    """Return absolute thresholds: each colour from its value on, the first from below."""
    return (
        build.ThresholdsConfig()
        .mode(models.ThresholdsMode.ABSOLUTE)
        .steps([models.Threshold(value=value, color=color) for value, color in steps])
    )


def words(table: Words) -> list[models.ValueMapping]:
    """Return the mapping that shows words for numbers."""
    results = {
        value: models.ValueMappingResult(text=text, color=color, index=index)
        for index, (value, (text, color)) in enumerate(table.items())
    }
    return [models.ValueMap(options=results)]


def link(title: str, url: str) -> dict[str, Any]:
    """Return a link that a value leads to, opened beside the dashboard."""
    return {"title": title, "url": url, "targetBlank": True}


def to_model(model: str, instance: str) -> list[Any]:
    """Return the links of a model: its dashboard, and its page at the daemon. The arguments are Grafana's variables."""
    return [
        link("Dashboard of the model", f"/d/mmied-model?{TIME}&var-model={model}&var-instance={instance}"),
        link("Page of the model", f"{PAGE}{instance}/models/{model}"),
    ]


def to_daemon(instance: str) -> list[Any]:
    """Return the links of a daemon: its dashboards, and its pages."""
    return [
        link("Host and GPU", f"/d/mmied-host?{TIME}&var-instance={instance}"),
        link("mmied itself", f"/d/mmied-daemon?{TIME}&var-instance={instance}"),
        link("Page of the daemon", f"{PAGE}{instance}/daemon"),
    ]


def to_search(model: str, instance: str) -> list[Any]:
    """Return the links of a model's optimizations."""
    return [
        link("Optimizations", f"/d/mmied-optimizations?{TIME}&var-model={model}&var-instance={instance}"),
        link("Page of the optimizations", f"{PAGE}{instance}/optimizations/{model}"),
    ]
