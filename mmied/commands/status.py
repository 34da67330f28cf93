"""`mmied status`: ask the running daemon how its models, its runs and its own cost stand."""

import base64
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path

from mmied.codec import from_json
from mmied.commands.table import format_table
from mmied.daemon_status import ModelStatus, ScenarioStatus, Status
from mmied.errors import MmiedError
from mmied.records import LatencySummary
from mmied.regression import SeriesStanding
from mmied.reports.regression_words import HOST_NAME, told

TIMEOUT_SECONDS = 10.0
TOLD_EVIDENCE = 1  # of a regression; `mmied regressions show` has the rest


def status(url: str, *, as_json: bool, user: str | None, password: str | None, ca_file: Path | None) -> int:
    """Print the status of the daemon at `url`; return 1 when a model is failing or quarantined.

    Raises MmiedError when the daemon does not answer.
    """
    text = fetch(f"{url}/api/status", user=user, password=password, ca_file=ca_file)
    found = from_json(Status, text)
    print(text.decode() if as_json else "\n".join(_lines(found)))
    return 1 if any(model.state in ("failing", "quarantined") for model in found.models) else 0


def fetch(url: str, *, user: str | None, password: str | None, ca_file: Path | None) -> bytes:
    """Return what the daemon answers. Raises MmiedError."""
    request = urllib.request.Request(url)
    if user is not None:
        token = base64.b64encode(f"{user}:{password or ''}".encode()).decode()
        request.add_header("Authorization", f"Basic {token}")
    try:
        context = ssl.create_default_context(cafile=ca_file) if url.startswith("https") else None
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS, context=context) as response:
            return bytes(response.read())
    except urllib.error.HTTPError as error:
        hint = "Give `--user`, and the password in MMIED_PASSWORD." if error.code == 401 else "See the daemon's log."
        raise MmiedError(f"{url}: the daemon answered {error.code} {error.reason}. {hint}") from error
    except OSError as error:
        reason = getattr(error, "reason", error)
        raise MmiedError(
            f"{url}: no daemon answers ({reason}). Is it running (`systemctl status mmied`), and is this its "
            "`http.listen`? Otherwise give `--url` or `--config`."
        ) from error


def _lines(status: Status) -> Iterator[str]:
    cost = status.cost
    uptime = _duration(status.at - status.started_at)
    yield f"mmied {status.version} on {status.host}, up {uptime}, {status.config_path}"
    if status.config_error is not None:
        yield f"the last reload was refused, the configuration before it is in use:\n{status.config_error}"
    yield (
        f"own cost: {cost.cpu_used_ratio:.2%} of the host's CPUs ({cost.daemon_cpu_seconds:.1f} s daemon, "
        f"{cost.worker_cpu_seconds:.1f} s workers), budget {cost.cpu_budget_ratio:.2%}, "
        f"schedule asks for {cost.demand_ratio:.1f} of it"
    )
    for notice in status.notices:
        yield f"note: {notice}"
    yield ""
    rows = [row for model in status.models for row in _rows(model, status.at)]
    yield format_table(("model", "state", "scenario", "p50", "p95", "p99", "samples/s", "last run", "next run"), rows)
    yield from _regressions(HOST_NAME, status.host_series)
    for model in status.models:
        if model.why is not None:
            yield f"{model.name}: {model.state}: {model.why}"
        if model.inspection is not None and model.inspection.why is not None:
            yield f"{model.name}: inspections: {model.inspection.why}"
        yield from _regressions(model.name, model.series)
        yield from _searches(model)
        if model.drift_ratio:
            yield f"{model.name}: outputs: {model.drift_ratio:.3g} away from those recorded first"


def _regressions(name: str, series: Sequence[SeriesStanding]) -> Iterator[str]:
    """Yield a line for each active regression, and the weightiest evidence of its cause."""
    for standing in series:
        change = standing.change
        if change is not None and change.worse and change.state == "active":
            yield f"{name}: regression: {told(change)}"
            yield from (f"{name}:   {evidence.text}" for evidence in change.evidence[:TOLD_EVIDENCE])


def _searches(model: ModelStatus) -> Iterator[str]:
    found = model.optimization
    if found is None:
        return
    if found.phase is not None:
        yield f"{model.name}: optimizations: a search is under way: {found.phase}"
    if found.why is not None:
        yield f"{model.name}: optimizations: {found.why}"
    helps = [f"{name} ({ratio:.2f}×)" if ratio is not None else name for name, ratio in found.helps.items()]
    if helps:
        yield f"{model.name}: optimizations: would help: {', '.join(helps)}"


def _rows(model: ModelStatus, at: float) -> Iterator[tuple[str, ...]]:
    last = f"{_duration(at - model.last_run_at)} ago" if model.last_run_at is not None else "never"
    if model.next_run_at is None:
        following = "not planned"
    else:
        following = f"in {_duration(model.next_run_at - at)}" if model.next_run_at > at else "due"
    for index, scenario in enumerate(model.scenarios):
        first = index == 0
        yield (
            model.name if first else "",
            model.state if first else "",
            scenario.workload.scenario,
            *_latencies(scenario.latency),
            _throughput(scenario),
            last if first else "",
            following if first else "",
        )


def _latencies(latency: LatencySummary | None) -> tuple[str, str, str]:
    if latency is None:
        return "–", "–", "–"
    p50, p95, p99 = (latency.quantiles.get(q) for q in ("0.5", "0.95", "0.99"))
    return _milliseconds(p50), _milliseconds(p95), _milliseconds(p99)


def _milliseconds(seconds: float | None) -> str:
    return "withheld" if seconds is None else f"{seconds * 1e3:.3g} ms"


def _throughput(scenario: ScenarioStatus) -> str:
    value = scenario.throughput_samples_per_second
    return "–" if value is None else f"{value:,.0f}" if value >= 10 else f"{value:.2g}"


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{max(0.0, seconds):.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def local_time(at: float) -> str:
    """Return a Unix time as this host's clock shows it."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at))
