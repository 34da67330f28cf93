"""`mmied flamegraph`: where does the time of a model's calls go?"""

import contextlib
import os
import re
import shutil
import socket
import sys
import tempfile
import threading
import time
from pathlib import Path

from mmied.codec import from_json, to_json
from mmied.commands.model_options import INPUT_EXAMPLE
from mmied.commands.progress import Progress
from mmied.commands.table import format_table
from mmied.daemon.jobs import new_run_id
from mmied.daemon.launch import run_job
from mmied.daemon.outcome import Limits
from mmied.errors import MmiedError
from mmied.records import Job, ModelSpec, Run, Workload
from mmied.reports.flame_difference import Difference, differ, name_around
from mmied.reports.flame_files import to_chrome_trace, to_folded, to_speedscope
from mmied.reports.flame_page import format_seconds, to_html, total_call_seconds
from mmied.reports.frames import FlameGraph, read_flamegraph

SHOWN = 5


def flamegraph(
    spec: ModelSpec,
    *,
    profiler: str,
    batch_size: int,
    num_runs: int,
    save_dir: Path,
    limits: Limits,
    compare: Path | None = None,
) -> int:
    """Profile `num_runs` warm calls in a worker and write the graph in all its formats into `save_dir`.

    `compare` is the .json of an earlier graph to hold the new one against. Raises MmiedError for what can be known
    before the worker starts, and with the worker's own sentence when it failed.
    """
    before = _read(compare, profiler) if compare is not None else None
    _require_inputs(spec)
    _require_writable(save_dir)
    folder = Path(tempfile.mkdtemp(prefix="mmied-flamegraph-"))
    try:
        run = _run(spec, folder, profiler=profiler, batch_size=batch_size, num_runs=num_runs, limits=limits)
        if run.outcome != "succeeded":
            sys.stderr.write(run.log_tail)
            raise MmiedError(f"{spec.name}: {run.message}")
        graph = read_flamegraph((folder / "flamegraph.json").read_bytes(), spec.name)
        difference = differ(before, graph) if before is not None else None
        written = _write(graph, difference, folder, save_dir)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    _tell(graph, difference, written)
    return 0


def _read(path: Path, profiler: str) -> FlameGraph:
    try:
        graph = read_flamegraph(path.read_bytes(), f"--compare: {path}")
    except OSError as error:
        raise MmiedError(f"--compare: {path} cannot be read: {error.strerror}. Check the path.") from error
    if graph.profiler != profiler:
        raise MmiedError(
            f"--compare: {path} was made with --profiler {graph.profiler}, whose frames have nothing in common with "
            f"those of {profiler}. Give the same profiler."
        )
    return graph


def _require_inputs(spec: ModelSpec) -> None:
    if not spec.inputs and spec.source.kind != "exported":
        raise MmiedError(
            f"{spec.name}: a {spec.source.kind} model does not tell its inputs. Give one text an input, such as "
            f"{INPUT_EXAMPLE}; file=samples.npz and factory=package.module:function are taken too."
        )


def _require_writable(folder: Path) -> None:
    """Find out before the minutes are spent."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise MmiedError(f"--save-dir: {folder} cannot be written: {error.strerror}. Give another folder.") from error


def _run(spec: ModelSpec, folder: Path, *, profiler: str, batch_size: int, num_runs: int, limits: Limits) -> Run:
    job = Job(
        run_id=new_run_id(time.time()),
        kind="check",
        model=spec,
        workloads=(Workload(scenario=f"b{batch_size}", batch_size=batch_size),),
        scenario_seconds=1.0,
        memory_bytes=limits.memory_bytes,
    )

    def phase() -> str | None:
        with contextlib.suppress(OSError, MmiedError):  # not there yet
            return from_json(Run, (folder / "run.json.part").read_bytes()).phase
        return None

    with Progress(total=1) as progress:
        progress.begin(spec.name, phase)
        return run_job(
            job,
            folder=folder,
            limits=limits,
            host=socket.gethostname(),
            stop=threading.Event(),
            environ=os.environ,
            cache=folder / "cache",
            worker=("mmied.bench.profilers.flame_worker", profiler, str(num_runs)),
        )


def _write(graph: FlameGraph, difference: Difference | None, folder: Path, save_dir: Path) -> list[Path]:
    """Write all formats and return their paths, the page first."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "_", graph.model)
    stem = f"{name}_{graph.profiler}_{graph.at:.0f}"
    texts = {f"{stem}.html": to_html(graph)}
    if difference is not None:
        texts[f"{stem}_difference.html"] = to_html(graph, difference)
    texts |= {
        f"{stem}.json": to_json(graph),
        f"{stem}.folded": to_folded(graph),
        f"{stem}.speedscope.json": to_speedscope(graph),
    }
    own_trace = folder / "trace.json.gz"
    if not own_trace.exists():
        texts[f"{stem}.trace.json"] = to_chrome_trace(graph)
    written = [save_dir / each for each in texts]
    try:
        for path, text in zip(written, texts.values(), strict=True):
            path.write_text(text, encoding="utf-8")
        if own_trace.exists():
            written.append(save_dir / f"{stem}.trace.json.gz")
            shutil.move(own_trace, written[-1])
            written.append(save_dir / f"{name}_torch_trace_{graph.at:.0f}")
            shutil.move(folder / "tensorboard", written[-1])
    except OSError as error:
        raise MmiedError(f"--save-dir: {save_dir} cannot be written: {error.strerror}. Give another folder.") from error
    return written


def _tell(graph: FlameGraph, difference: Difference | None, written: list[Path]) -> None:
    calls = f"{graph.calls} {'call' if graph.calls == 1 else 'calls'}"
    seconds = format_seconds(total_call_seconds(graph))
    print(f"{graph.model}: {seconds} a call over {calls}, profiled with {graph.profiler}")
    for note in (*graph.notes, *(difference.notes if difference else ())):
        print(f"note: {note}")
    if difference is not None:
        print(
            format_table(
                ("largest changes of own time", "in", "before", "now"),
                [
                    (row.name, row.within, format_seconds(row.before_seconds), format_seconds(row.after_seconds))
                    for row in difference.largest
                ],
            )
        )
    else:
        frames = graph.frames
        largest = sorted(range(len(frames)), key=lambda index: -frames[index].self_seconds)[:SHOWN]
        rows = [
            (frames[i].name, name_around(frames, i), format_seconds(frames[i].self_seconds / graph.calls))
            for i in largest
        ]
        print(format_table(("most time of its own", "in", "a call"), rows))
    for path in written:
        print(path)
