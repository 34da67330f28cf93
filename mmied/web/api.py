"""Give the records as JSON, as they are."""

import math
from collections.abc import Iterable

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from mmied.codec import to_json
from mmied.web.site import Site

MOST_RUNS = 1000
MOST_POINTS = 5000


def status(site: Site, request: Request) -> Response:
    """Return the daemon's Status."""
    return _json(to_json(site.status()))


def history(site: Site, request: Request) -> Response:
    """Return a list of HistoryPoint, oldest first, of `model` and `scenario` since a Unix time.

    Raises HTTPException 400 where a parameter is missing or wrong, 404 where nothing is known of the scenario.
    """
    model, scenario = _given(request, "model"), _given(request, "scenario")
    since = _number(request, "since", 0)
    points = site.store.scenario_history(model, scenario, since=since, limit=MOST_POINTS)
    if not points and not _configured(site, model, scenario):
        raise HTTPException(404, f"nothing is known of scenario {scenario!r} of model {model!r}")
    return _json(_list(points))


def runs(site: Site, request: Request) -> Response:
    """Return a list of Run, newest first and without samples: of one `model`, of one `kind` of job, or all.

    Raises HTTPException 400 for a `limit` that is no number from 1 to MOST_RUNS, 404 for an unknown model.
    """
    model = request.query_params.get("model") or None
    limit = _number(request, "limit", 50)
    if not 1 <= limit <= MOST_RUNS:
        raise HTTPException(400, f"limit={limit:g} is out of range. Give one from 1 to {MOST_RUNS}.")
    found = site.store.last_runs(model, limit=int(limit), kind=request.query_params.get("kind") or None)
    if model and not found and not _configured(site, model):
        raise HTTPException(404, f"nothing is known of model {model!r}")
    return _json(_list(found))


def run(site: Site, request: Request) -> Response:
    """Return a whole Run with its samples. Raises HTTPException 404 where the history does not hold it."""
    run_id = request.path_params["run_id"]
    found = site.store.run(run_id)
    if found is None:
        raise HTTPException(404, f"the history holds no run {run_id!r}")
    return _json(to_json(found))


def _configured(site: Site, model: str, scenario: str | None = None) -> bool:
    return any(
        known.name == model
        and (scenario is None or any(scenario == part.workload.scenario for part in known.scenarios))
        for known in site.status().models
    )


def _given(request: Request, name: str) -> str:
    value = request.query_params.get(name)
    if not value:
        raise HTTPException(400, f"the parameter {name!r} is missing. Try {request.url.path}?{name}=…")
    return value


def _number(request: Request, name: str, default: float) -> float:
    text = request.query_params.get(name)
    if not text:
        return default
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise HTTPException(400, f"{name}={text!r} is not a number")
    return value


def _list(records: Iterable[object]) -> str:
    return f"[{','.join(map(to_json, records))}]"


def _json(text: str) -> Response:
    return Response(text, media_type="application/json")
