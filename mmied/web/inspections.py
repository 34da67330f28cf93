"""Gather what the pages of inspections show: one of them, or the difference of two."""

import base64
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response

from mmied.codec import from_json
from mmied.errors import MmiedError
from mmied.history.artifacts import FILES, FLAME_FILE, INSPECTION_FILE, TRACE_FILE
from mmied.inspection import Inspection
from mmied.records import Run
from mmied.reports.flame_difference import differ
from mmied.reports.flame_page import to_html
from mmied.reports.frames import FlameGraph, read_flamegraph
from mmied.reports.inspection_difference import compare_inspections
from mmied.reports.inspection_parts import inspection_parts
from mmied.reports.kinds import COLOURS
from mmied.web.reading import Reader
from mmied.web.site import Site

OTHERS = 20  # inspections to compare with
GONE = (
    "The files of this inspection are not here (any more): they go with age and size, see `artifacts` in the "
    "configuration, and are never in PostgreSQL. What is left is below."
)
MEDIA_TYPES = {INSPECTION_FILE: "application/json", FLAME_FILE: "application/json", TRACE_FILE: "application/gzip"}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """What is left of an inspection; `trouble` says why there is no more."""

    run: Run
    inspection: Inspection | None
    flame: bool
    trouble: str | None


def inspection(site: Site, request: Request) -> Response:
    """Return what one inspection saw. Raises HTTPException 404 for a run that is none, or is not known."""
    status = site.status()
    reader = Reader(site.store)
    run_id = request.path_params["run_id"]
    seen = _see(site, reader, run_id)
    if seen is None:
        return site.read_page("inspection.html", reader, status=status, run_id=run_id, run=None)
    run, found = seen.run, seen.inspection
    return site.read_page(
        "inspection.html",
        reader,
        status=status,
        run_id=run_id,
        run=run,
        known=any(model.name == run.model for model in status.models),
        inspection=found,
        missing=seen.trouble,
        parts=inspection_parts(found) if found is not None else None,
        flame=seen.flame,
        files=[(name, path.stat().st_size) for name in FILES if (path := site.artifacts.file(run_id, name))],
        others=[
            other
            for other in reader.last_runs(run.model, limit=OTHERS, before=None, kind="inspect")
            if other.run_id != run_id and site.artifacts.file(other.run_id, INSPECTION_FILE)
        ],
    )


def difference(site: Site, request: Request) -> Response:
    """Return how two inspections differ, the older before the newer. Raises HTTPException 404 where one is missing."""
    status = site.status()
    reader = Reader(site.store)
    names = (request.path_params["run_id"], request.path_params["other"])
    both = [seen for name in names if (seen := _see(site, reader, name)) is not None]
    if len(both) < 2:
        return site.read_page("difference.html", reader, status=status, names=names, before=None)
    before, after = sorted(both, key=lambda seen: seen.run.started_at)
    found = None
    if before.inspection is not None and after.inspection is not None:
        found = compare_inspections(before.inspection, after.inspection)
    return site.read_page(
        "difference.html",
        reader,
        status=status,
        names=names,
        before=before.run,
        after=after.run,
        missing=[seen.trouble for seen in (before, after) if seen.trouble is not None],
        notes=[*_notes(before.run, after.run), *(found.notes if found is not None else ())],
        found=found,
        flame=before.flame and after.flame,
        colours=COLOURS,
    )


def flamegraph(site: Site, request: Request) -> Response:
    """Return the flame graph of an inspection as a page of its own. Raises HTTPException 404 where there is none."""
    return _own_page(to_html(_flame(site, request.path_params["run_id"])))


def flamegraph_difference(site: Site, request: Request) -> Response:
    """Return the difference of the flame graphs of two inspections. Raises HTTPException 404 where one is missing."""
    graphs = [_flame(site, request.path_params[name]) for name in ("run_id", "other")]
    before, after = sorted(graphs, key=lambda graph: graph.at)
    try:
        return _own_page(to_html(after, differ(before, after)))
    except MmiedError as error:
        raise HTTPException(404, str(error)) from error


def download(site: Site, request: Request) -> Response:
    """Return a file of an inspection to be saved. Raises HTTPException 404 where it is not here."""
    run_id, name = request.path_params["run_id"], request.path_params["name"]
    path = _file(site, run_id, name)
    return FileResponse(path, media_type=MEDIA_TYPES[path.name], filename=f"{run_id}-{name}")


def _see(site: Site, reader: Reader, run_id: str) -> _Seen | None:
    """Return what is left of an inspection; None where the history cannot be read."""
    run = reader.run(run_id)
    if run is None:
        if reader.trouble is not None:
            return None
        raise HTTPException(404, f"The history holds no inspection “{run_id}”. It keeps runs for a time only.")
    if run.kind != "inspect":
        raise HTTPException(404, f"“{run_id}” is a run of kind “{run.kind}”: look at /runs/{run_id}.")
    path = site.artifacts.file(run_id, INSPECTION_FILE)
    trouble = None if path is not None or run.outcome != "succeeded" else GONE
    found = None
    if path is not None:
        try:
            found = from_json(Inspection, path.read_bytes())
        except (OSError, MmiedError) as error:
            trouble = f"The inspection cannot be read: {error}."
    return _Seen(run=run, inspection=found, flame=site.artifacts.file(run_id, FLAME_FILE) is not None, trouble=trouble)


def _file(site: Site, run_id: str, name: str) -> Path:
    path = site.artifacts.file(run_id, name)
    if path is None:
        raise HTTPException(404, f"There is no file “{name}” of inspection “{run_id}” here (any more).")
    return path


def _flame(site: Site, run_id: str) -> FlameGraph:
    path = _file(site, run_id, FLAME_FILE)
    try:
        return read_flamegraph(path.read_bytes(), path.name)
    except (OSError, MmiedError) as error:
        raise HTTPException(404, f"The flame graph of “{run_id}” cannot be read: {error}") from error


def _own_page(html: str) -> HTMLResponse:
    """Return a page that carries its scripts and styles: these scripts and no others may run, framed by ours alone."""
    scripts = re.findall(r"(?s)<script>(.*?)</script>", html)
    digests = (base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts)
    allowed = " ".join(f"'sha256-{digest}'" for digest in digests)
    policy = (
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; frame-ancestors 'self'; "
        f"script-src {allowed}"
    )
    return HTMLResponse(html, headers={"Content-Security-Policy": policy})


def _notes(before: Run, after: Run) -> list[str]:
    """Return what else differs between two inspections than their figures."""
    notes = []
    if before.model != after.model:
        notes.append(f"these are two models: {before.model} and {after.model}")
    elif before.revision != after.revision:
        notes.append(
            f"the model's file changed: {(before.revision or '?')[:12]} before, {(after.revision or '?')[:12]} after"
        )
    old, new = before.environment, after.environment
    if old is not None and new is not None and old.fingerprint != new.fingerprint:
        differing = sorted(
            name for name in {**old.stable, **new.stable} if old.stable.get(name) != new.stable.get(name)
        )
        notes.append(f"they ran in different environments: {', '.join(differing) or 'the model'} differ")
    return notes
