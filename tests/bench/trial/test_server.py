"""Whatever a candidate does happens in its own process, and is its own outcome."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from mmied.bench.trial.pairing import Paired, pair
from mmied.bench.trial.process import Server, ServerLost
from mmied.bench.trial.protocol import Command, NotApplicable, Reply, ServeJob
from mmied.candidates import CANDIDATES
from mmied.optimization import Candidate
from mmied.records import InputSpec, ModelSpec, Source
from mmied.stats import MINIMUM_PAIRS

SUPPORT = Path(__file__).parents[2] / "support"
WORK = ModelSpec(
    name="work",
    source=Source(kind="factory", factory="tricks:Work"),
    inputs=(InputSpec(shape=("batch", 256)),),
    threads=1,
)
OPEN = Command(do="open")

Start = Callable[..., Server]


def trick(name: str, **settings: int) -> Candidate:
    return Candidate(
        name=name,
        summary="a candidate of a test",
        function=f"tricks:{name}",
        exactness="exact",
        routes=("eager",),
        settings=settings,
    )


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a serving process: `start(candidate)`."""
    started: list[Server] = []

    def run(candidate: Candidate | None = None, *, model: ModelSpec = WORK, sizes: tuple[int, ...] = (1,)) -> Server:
        job = ServeJob(model=model, batch_sizes=sizes, candidate=candidate)
        environ = {"PYTHONPATH": str(SUPPORT), "PATH": os.environ["PATH"], "OMP_WAIT_POLICY": "PASSIVE"}
        started.append(Server(job, tmp_path / str(len(started)), environ))
        return started[-1]

    yield run
    for server in started:
        server.close()


def opened(server: Server) -> Reply:
    return server.ask(OPEN, timeout_seconds=60)


def test_a_served_model_tells_its_times_and_memory_and_gives_its_outputs(start: Start, tmp_path: Path) -> None:
    server = start(sizes=(1, 4))
    reply = opened(server)
    block = server.ask(Command(do="block", batch_size=4, calls=7), timeout_seconds=30)
    memory = server.ask(Command(do="memory"), timeout_seconds=30)
    file = str(tmp_path / "out.pt")
    server.ask(Command(do="outputs", batch_size=4, calls=3, file=file), timeout_seconds=30)
    compared = server.ask(Command(do="compare", batch_size=4, calls=3, file=file), timeout_seconds=30)

    assert set(reply.first_call_seconds) == {1, 4}
    assert reply.load_seconds > 0
    assert reply.threads == 1
    assert len(block.wall_seconds) == len(block.wait_seconds) == 7
    assert memory.peak_bytes >= memory.resident_bytes > 256 * 256 * 4
    assert torch.load(file, weights_only=True)["output"].shape == (12, 256)
    assert compared.fidelity.samples == 12
    assert compared.fidelity.relative_l2 == 0.0


def test_what_a_candidate_raises_is_told_and_its_process_goes_on(start: Start) -> None:
    server = start(trick("fail"))

    for _ in range(2):
        with pytest.raises(ServerLost, match="RuntimeError: no kernel image is available") as lost:
            opened(server)
        assert lost.value.outcome == "failed"


def test_outputs_that_are_not_finite_are_told(start: Start) -> None:
    with pytest.raises(ServerLost, match="NaN"):
        opened(start(trick("nan")))


def test_a_candidate_that_does_not_fit_says_why(start: Start) -> None:
    with pytest.raises(NotApplicable, match="no convolution"):
        opened(start(trick("refuse")))


def test_a_crash_is_told_by_its_signal(start: Start) -> None:
    with pytest.raises(ServerLost, match="SIGSEGV during “open”") as lost:
        opened(start(trick("segfault")))

    assert lost.value.outcome == "crashed"


def test_a_hang_ends_with_its_deadline(start: Start) -> None:
    server = start(trick("hang"))

    with pytest.raises(ServerLost, match="no answer to “open” within 4 s") as lost:
        server.ask(OPEN, timeout_seconds=4)

    assert lost.value.outcome == "timed_out"


def test_a_batch_size_that_the_model_refuses_leaves_the_others(start: Start) -> None:
    fixed = ModelSpec(
        name="picky", source=Source(kind="factory", factory="tricks:Picky"), inputs=(InputSpec(shape=("batch", 4)),)
    )
    reply = opened(start(model=fixed, sizes=(1, 2)))

    assert set(reply.first_call_seconds) == {1}
    assert "one sample at a time" in reply.refused[2]


def test_a_faster_candidate_is_seen_to_be_faster_and_the_control_is_not(start: Start) -> None:
    servers = (start(), start(trick("fewer_rounds", rounds=20)), start())
    seconds = tuple(opened(server).call_seconds[1] for server in servers)

    def paired(limit_seconds: float, enough: int) -> Paired:
        return pair(
            servers,
            seconds,
            name="fewer_rounds",
            batch_size=1,
            several_threads=False,
            limit_seconds=limit_seconds,
            settled=lambda ratio: ratio.pairs >= enough,
            look_confidence=0.99,
        )

    found, cut_short = paired(60.0, enough=12), paired(0.0, enough=1000)

    assert not cut_short.settled
    assert cut_short.ratio.pairs == MINIMUM_PAIRS
    assert found.settled
    assert found.ratio.pairs == 12
    assert found.ratio.lower > 1.3  # half the work
    assert found.ratio.control_lower < 1.25
    assert found.candidate_seconds < found.baseline_seconds


def test_calls_that_take_several_batches_together_tell_the_time_of_one(start: Start, tmp_path: Path) -> None:
    table = {candidate.name: candidate for candidate in CANDIDATES}
    baseline, server = start(), start(table["batch_size_x4"])
    opened(baseline)
    together = opened(server)
    block = server.ask(Command(do="block", batch_size=1, calls=8), timeout_seconds=30)
    file = str(tmp_path / "out.pt")
    baseline.ask(Command(do="outputs", batch_size=1, calls=8, file=file), timeout_seconds=30)
    compared = server.ask(Command(do="compare", batch_size=1, calls=8, file=file), timeout_seconds=30)

    assert len(block.wall_seconds) == 2  # calls of four batches each
    assert together.setting
    assert together.changed == {"samples": 3}
    assert compared.fidelity.relative_l2 < 1e-6
