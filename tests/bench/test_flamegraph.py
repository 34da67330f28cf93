"""A flame graph shows where the time of a model's calls goes, with each profiler, or says why it cannot."""

import gzip
import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mmied.bench.profilers import cprofile_stacks, py_spy_stacks, pyinstrument_stacks, torch_trace
from mmied.bench.profilers.flamegraph import PROFILERS
from mmied.bench.profilers.recorded import Recorded, Target
from mmied.cli import main
from mmied.commands.bench_arguments import FLAME_PROFILERS
from mmied.errors import ModelError
from mmied.reports.frames import Frame, merge_small, read_flamegraph, total_seconds

SUPPORT = Path(__file__).parents[1] / "support"


CONFIG = """\
state: {folder}/state
budget: {{run_timeout: 60s}}
models:
  - name: nested
    source: {{factory: "faulty:Faulty", arguments: {{fault: nested}}}}
    inputs: [{{shape: [batch, 4]}}]
    threads: 1
  - name: raising
    source: {{factory: "faulty:Faulty", arguments: {{fault: raise}}}}
    inputs: [{{shape: [batch, 4]}}]
  - name: hanging
    source: {{factory: "faulty:Faulty", arguments: {{fault: hang}}}}
    inputs: [{{shape: [batch, 4]}}]
"""


@pytest.fixture
def flamegraph(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str]]:
    """Run the command on a model of CONFIG; return its exit status and what it wrote to both streams."""
    monkeypatch.setenv("PYTHONPATH", f"{SUPPORT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    config = tmp_path / "mmied.yaml"
    config.write_text(CONFIG.format(folder=tmp_path))

    def run(name: str, *more: str) -> tuple[int, str]:
        told = ["flamegraph", "--config", str(config), "--name", name, "--save-dir", str(tmp_path / "out")]
        status = main([*told, *more])
        captured = capsys.readouterr()
        return status, captured.out + captured.err

    return run


def event(name: str, tag: str, nanoseconds: int, *children: Any, module: Any = None, scope: str = "FUNCTION") -> Any:
    return SimpleNamespace(
        name=name,
        tag=SimpleNamespace(name=tag),
        duration_time_ns=nanoseconds,
        children=list(children),
        typed=(None, SimpleNamespace(module=module, scope=SimpleNamespace(name=scope))),
    )


def one_call(*children: Any) -> Any:
    entry = event("bench/recorded.py(40): profiled_call", "PyCall", 1000, *children)
    return event("worker.py(1): main", "PyCall", 9000, event("aten::ours", "TorchOp", 500), entry)


def times(frames: tuple[Frame, ...]) -> dict[str, float]:
    """Return the own time of each path in nanoseconds."""
    paths: list[str] = []
    for frame in frames:
        paths.append(frame.name if frame.parent in (None, 0) else f"{paths[frame.parent]};{frame.name}")
    return {path: round(frame.self_seconds * 1e9) for path, frame in zip(paths, frames, strict=True)}


def test_the_tree_holds_modules_by_name_and_nothing_of_ours() -> None:
    operation = event("aten::linear", "TorchOp", 500, event("aten::addmm", "TorchOp", 400))
    function = event("<built-in function linear>", "PyCCall", 600, operation)
    forward = event("torch/nn/modules/linear.py(134): forward", "PyCall", 700, function)
    passage = event("torch/nn/modules/module.py(1782): _call_impl", "PyCall", 800, forward)
    module = event("nn.Module: Linear_7", "PyCall", 900, passage, module=SimpleNamespace(self_ptr=5, cls_name="Linear"))

    frames = torch_trace.frames_of_events(
        [one_call(module), one_call(module)], root="model", module_names={5: "layers.0"}, clock="host"
    )

    below = "layers.0 (Linear);forward (linear.py)"
    assert times(frames) == {
        "model": 200,
        "layers.0 (Linear)": 400,  # with that of the passage, which has no frame
        below: 200,
        f"{below};linear (built-in)": 200,
        f"{below};linear (built-in);aten::linear": 200,
        f"{below};linear (built-in);aten::linear;aten::addmm": 800,
    }
    assert [frame.category for frame in frames] == ["other", "module", "python", "python", "matmul", "matmul"]
    assert total_seconds(frames)[0] == pytest.approx(2 * 1000e-9)


def test_on_a_device_kernels_count_where_they_were_launched() -> None:
    kernel = event("ampere_sgemm_128x64_tn", "Kineto", 5000)
    launch = event("cudaLaunchKernel", "Kineto", 50, kernel)
    operation = event("aten::mm", "TorchOp", 100, launch)

    device = torch_trace.frames_of_events([one_call(operation)], root="model", module_names={}, clock="device")
    host = torch_trace.frames_of_events([one_call(operation)], root="model", module_names={}, clock="host")

    launched = "aten::mm;cudaLaunchKernel"
    assert times(device) == {"model": 0, "aten::mm": 0, launched: 0, f"{launched};ampere_sgemm_128x64_tn": 5000}
    assert times(host) == {"model": 900, "aten::mm": 50, launched: 50}


def test_a_range_that_outlasts_the_function_that_opens_it_is_not_counted_twice() -> None:
    opened = event("block", "TorchOp", 700, scope="USER_SCOPE")
    opening = event("<built-in method _record_function_enter_new>", "PyCCall", 30, opened)

    frames = torch_trace.frames_of_events(
        [one_call(opening, event("aten::mm", "TorchOp", 600))], root="model", module_names={}, clock="host"
    )

    assert times(frames) == {"model": 370, "_record_function_enter_new (built-in)": 30, "aten::mm": 600}


def test_a_built_in_has_one_name_wherever_its_object_lies() -> None:
    events = [event(f"<built-in method size of Tensor object at 0x{at:x}>", "PyCCall", 10) for at in (1, 2)]

    frames = torch_trace.frames_of_events([one_call(*events)], root="model", module_names={}, clock="host")

    assert [(frame.name, frame.calls) for frame in frames[1:]] == [("size (built-in)", 2)]


def busy(seconds: float) -> None:
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        math.sqrt(2.0)


def model_in_python(depth: int) -> None:
    """Recurse, then work."""
    if depth:
        model_in_python(depth - 1)
    else:
        busy(0.005)


TARGET = Target(name="model", model=model_in_python, args=(3,), kwargs={}, device="cpu", call_seconds=0.005)


def check_python_frames(recorded: Recorded) -> None:
    names = [frame.name for frame in recorded.frames]
    assert recorded.frames[0].name == "model"
    assert any("model_in_python" in name for name in names)
    assert sum(frame.self_seconds for frame in recorded.frames if "busy" in frame.name) > 0
    assert not any("profiled_call" in name or "pytest" in name for name in names)
    # Five milliseconds; a host that is busy with other tests makes more of it.
    assert 0.0025 < total_seconds(recorded.frames)[0] / recorded.calls < 0.020


def test_cprofile_shares_out_the_time_also_of_recursion(tmp_path: Path) -> None:
    recorded = cprofile_stacks.record(TARGET, calls=5, folder=tmp_path)

    check_python_frames(recorded)
    assert recorded.calls == 5
    assert any("estimate" in note or "shared out" in note for note in recorded.notes)


def test_pyinstrument_samples_whole_stacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pyinstrument")
    monkeypatch.setattr(pyinstrument_stacks, "SAMPLING_SECONDS", 0.2)

    check_python_frames(pyinstrument_stacks.record(TARGET, calls=5, folder=tmp_path))


def test_py_spy_samples_from_outside(tmp_path: Path) -> None:
    try:
        py_spy_stacks.require()
    except ModelError as error:
        pytest.skip(str(error))
    script = (
        "import sys; from pathlib import Path; import test_flamegraph as t\n"
        "t.py_spy_stacks.SAMPLING_SECONDS = 1\n"
        "t.check_python_frames(t.py_spy_stacks.record(t.TARGET, calls=5, folder=Path(sys.argv[1])))"
    )
    path = os.pathsep.join([str(Path(__file__).parent), *sys.path])

    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)],
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=60,
    )

    if "ptrace" in done.stderr:
        pytest.skip("the kernel refuses ptrace here")
    assert done.returncode == 0, done.stderr


def test_a_missing_package_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyinstrument", None)
    with pytest.raises(ModelError, match="pip install pyinstrument"):
        pyinstrument_stacks.require()


def test_a_missing_program_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    with pytest.raises(ModelError, match="pip install py-spy"):
        py_spy_stacks.require()


def test_a_refused_ptrace_says_what_would_allow_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "py-spy"
    program.write_text("#!/bin/sh\necho 'Error: Permission Denied: Try again with elevated permissions' >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "prefix", str(tmp_path))

    with pytest.raises(ModelError, match=r"ptrace.*ptrace_scope=1.*SYS_PTRACE"):
        py_spy_stacks.record(TARGET, calls=1, folder=tmp_path)


def test_every_profiler_of_the_command_line_is_there() -> None:
    assert tuple(PROFILERS) == FLAME_PROFILERS


def test_a_model_with_nested_outputs_gives_all_files_and_compares_with_itself(
    flamegraph: Callable[..., tuple[int, str]], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    status, told = flamegraph("nested", "--num-runs", "3")
    assert status == 0, told
    (page,) = out.glob("*.html")
    (first,) = (path for path in out.glob("*.json") if ".speedscope" not in path.name)
    graph = read_flamegraph(first.read_bytes(), "it")
    assert (graph.calls, graph.profiler, graph.batch_size) == (3, "torch", 1)
    assert any(frame.category == "module" and "Linear" in frame.name for frame in graph.frames)
    assert any(frame.name == "aten::addmm" and frame.category == "matmul" for frame in graph.frames)
    assert graph.bare_call_seconds
    assert {path.suffix for path in out.iterdir()} >= {".html", ".json", ".folded", ".gz"}
    (trace,) = out.glob("*_torch_trace_*/*.pt.trace.json.gz")
    assert json.loads(gzip.decompress(trace.read_bytes()))["traceEvents"]
    assert "http" not in page.read_text().replace("http-equiv", "")

    status, told = flamegraph("nested", "--num-runs", "3", "--batch-size", "2", "--compare", str(first))

    assert status == 0, told
    assert "the batch size differs: 1 before, 2 now" in told
    assert len(list(out.glob("*_difference.html"))) == 1


def test_a_model_that_raises_is_told_in_a_sentence(flamegraph: Callable[..., tuple[int, str]], tmp_path: Path) -> None:
    status, told = flamegraph("raising", "--profiler", "cprofile")

    assert status == 1
    assert told.splitlines()[-1].startswith("mmied: raising: ValueError: the tokenizer")
    assert list((tmp_path / "out").iterdir()) == []


def test_a_model_that_hangs_is_ended(flamegraph: Callable[..., tuple[int, str]], tmp_path: Path) -> None:
    config = tmp_path / "mmied.yaml"
    config.write_text(config.read_text().replace("60s", "3s"))
    began = time.monotonic()

    status, told = flamegraph("hanging")

    assert status == 1
    assert "not done after 3 s" in told
    assert time.monotonic() - began < 6


def test_ten_thousand_layers_stay_within_bounds() -> None:
    add = event("aten::add", "TorchOp", 10)
    layers = [
        event("nn.Module: Tiny_0", "PyCall", 20, add, module=SimpleNamespace(self_ptr=index, cls_name="Tiny"))
        for index in range(10_000)
    ]
    entry = event("x.py(1): profiled_call", "PyCall", 300_000, *layers)
    frames = torch_trace.frames_of_events(
        [entry], root="model", module_names={i: f"layers.{i}" for i in range(10_000)}, clock="host"
    )

    merged = merge_small(frames)

    assert len(frames) == 20_001
    assert len(merged) <= 5_002
    assert total_seconds(merged)[0] == pytest.approx(300_000e-9)
