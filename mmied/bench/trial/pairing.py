"""Run a candidate and the baseline in turn, block by block, until it is clear which is faster or time is up.

Three processes take part: the baseline, the candidate, and the baseline once more as its own control. What two equal
processes differ by (where their memory came to lie, which CPU they woke) is thereby part of what a candidate has to
pass.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import median

from mmied.bench.recording import Recorder
from mmied.bench.rounds import order_of_round
from mmied.bench.speedups import ratio_of
from mmied.bench.trial.process import Server
from mmied.bench.trial.protocol import Command, Reply
from mmied.profiles import PairedRatio
from mmied.stats import MINIMUM_PAIRS, latency_samples

BLOCK_SECONDS = 0.05  # long against waking a process up
MOST_CALLS = 200  # a block; more calls of a tiny model tell no more
LOOK_EVERY = 4  # rounds
ANSWER_SECONDS = 60.0  # beyond what the block's calls should take

STREAMS = ("baseline", "candidate", "control")


@dataclass(slots=True)
class _Stream:
    """The blocks of one process: their typical seconds, and all calls."""

    server: Server
    calls: int
    block_seconds: float
    seen: Recorder
    blocks: list[float] = field(default_factory=list)

    def add(self, reply: Reply) -> None:
        block = Recorder(
            self.seen.several_threads,
            wall=list(reply.wall_seconds),
            wait=list(reply.wait_seconds),
            total=list(reply.wait_total_seconds),
            device=list(reply.device_seconds),
        )
        if reply.disturbed:
            block.mark_disturbed(0)
        self.seen.add_all(block)
        self.blocks.append(median(latency_samples(block.iterations())[0]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Paired:
    """What came of the rounds at one batch size; `fit` says whether contention left enough to stand on."""

    ratio: PairedRatio
    fit: bool
    settled: bool
    seconds: float
    baseline_seconds: float  # of a call, in the median of its blocks
    candidate_seconds: float


def pair(
    servers: tuple[Server, Server, Server],
    call_seconds: tuple[float, float, float],
    *,
    name: str,
    batch_size: int,
    several_threads: bool,
    limit_seconds: float,
    settled: Callable[[PairedRatio], bool],
    look_confidence: float,
) -> Paired:
    """Return how the second of `servers` did against the first, the third being the first once more.

    `call_seconds` are about what a call of each takes. `settled` is asked now and then, with an interval of
    `look_confidence`; the ratio that is returned has one of 95 %. At least MINIMUM_PAIRS rounds are run whatever the
    limit. Raises ServerLost.
    """
    streams = [
        _Stream(server, calls, calls * seconds, Recorder(several_threads))
        for server, seconds in zip(servers, call_seconds, strict=True)
        for calls in [min(MOST_CALLS, max(1, math.ceil(BLOCK_SECONDS / max(seconds, 1e-9))))]
    ]
    began = time.monotonic()
    rounds = 0
    done = False
    while not done and (rounds < MINIMUM_PAIRS or time.monotonic() - began < limit_seconds):
        for stream in order_of_round(streams, rounds):
            command = Command(do="block", batch_size=batch_size, calls=stream.calls)
            patience = ANSWER_SECONDS + 20 * stream.block_seconds
            stream.add(stream.server.ask(command, timeout_seconds=patience))
        rounds += 1
        if rounds % LOOK_EVERY == 0 and rounds >= MINIMUM_PAIRS:
            done = settled(_ratio(streams, name, batch_size, look_confidence))
    return Paired(
        ratio=_ratio(streams, name, batch_size, 0.95),
        fit=all(latency_samples(stream.seen.iterations())[2] for stream in streams[:2]),
        settled=done,
        seconds=time.monotonic() - began,
        baseline_seconds=median(streams[0].blocks),
        candidate_seconds=median(streams[1].blocks),
    )


def _ratio(streams: list[_Stream], name: str, batch_size: int, confidence: float) -> PairedRatio:
    baseline, candidate, control = (stream.blocks for stream in streams)
    return ratio_of(name, batch_size, baseline=baseline, blocks=candidate, control=control, confidence=confidence)
