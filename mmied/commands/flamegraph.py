"""`mmied flamegraph`: where does the time of a model's calls go?"""

import shutil
from pathlib import Path

from mmied.codec import to_json
from mmied.commands.model_options import ChosenModel
from mmied.commands.progress import Progress
from mmied.commands.reporting import file_stem, write_files
from mmied.commands.table import format_table
from mmied.commands.working import (
    require_inputs,
    require_success,
    require_writable,
    run_worker,
    unwritable,
    working_folder,
)
from mmied.errors import MmiedError
from mmied.records import Workload
from mmied.reports.flame_difference import Difference, differ, name_around
from mmied.reports.flame_files import to_chrome_trace, to_folded, to_speedscope
from mmied.reports.flame_page import format_seconds, to_html, total_call_seconds
from mmied.reports.frames import FlameGraph, read_flamegraph

SHOWN = 5


def flamegraph(
    model: ChosenModel,
    *,
    profiler: str,
    batch_size: int,
    num_runs: int,
    save_dir: Path,
    compare: Path | None = None,
) -> int:
    """Profile `num_runs` warm calls in a worker and write the graph in all its formats into `save_dir`.

    `compare` is the .json of an earlier graph to hold the new one against. Raises MmiedError for what can be known
    before the worker starts, and with the worker's own sentence when it failed.
    """
    before = _read(compare, profiler) if compare is not None else None
    require_inputs(model.spec)
    require_writable(save_dir, "--save-dir")
    fed = (str(model.dataset),) if model.dataset is not None else ()
    with working_folder("flamegraph") as folder, Progress(total=1) as progress:
        run = run_worker(
            model.spec,
            [Workload(scenario=f"b{batch_size}", batch_size=batch_size)],
            folder,
            worker=("mmied.bench.profilers.flame_worker", profiler, str(num_runs), *fed),
            limits=model.limits,
            progress=progress,
        )
        require_success(run)
        graph = read_flamegraph((folder / "flamegraph.json").read_bytes(), model.spec.name)
        difference = differ(before, graph) if before is not None else None
        written = _write(graph, difference, folder, save_dir)
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


def _write(graph: FlameGraph, difference: Difference | None, folder: Path, save_dir: Path) -> list[Path]:
    """Write all formats and return their paths, the page first."""
    name = file_stem(graph.model)
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
    written = write_files(texts, save_dir, "--save-dir")
    try:
        if own_trace.exists():
            written.append(save_dir / f"{stem}.trace.json.gz")
            shutil.move(own_trace, written[-1])
            written.append(save_dir / f"{name}_torch_trace_{graph.at:.0f}")
            shutil.move(folder / "tensorboard", written[-1])
    except OSError as error:
        raise unwritable(save_dir, "--save-dir", error) from error
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
