"""A worker's phases are counted, and never past the end."""

from pathlib import Path

from mmied.bench.steps import Steps
from mmied.bench.worker import Report
from mmied.codec import from_json
from mmied.records import Run


def test_phases_are_counted_for_whoever_watches(tmp_path: Path) -> None:
    run = Run(
        run_id="r",
        host="h",
        model="m",
        kind="check",
        device="cpu",
        started_at=0.0,
        ended_at=0.0,
        outcome="crashed",
    )
    steps = Steps(Report(tmp_path, run), 2)
    seen = []
    for phase in ("load", "measure b1", "one more than was thought"):
        steps.reached(phase)
        seen.append(from_json(Run, (tmp_path / "run.json.part").read_bytes()).phase)

    assert seen == ["0/2 load", "1/2 measure b1", "2/3 one more than was thought"]
