"""What the deployed model gives for some samples, on disk, for the processes of candidates to be held against."""

from dataclasses import dataclass
from pathlib import Path

from mmied.bench.trial.process import Server
from mmied.bench.trial.protocol import Command, Reply, ServeJob

SAMPLES = 64
ANSWER_SECONDS = 120.0  # for a command that computes little


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptOutputs:
    """Outputs of SAMPLES samples or somewhat more, in batches of a deployed size."""

    inputs: Path  # those of each batch size too
    outputs: Path
    batch_size: int
    calls: int

    @property
    def comparison(self) -> Command:
        """The command that holds another process's outputs against these."""
        return Command(do="compare", batch_size=self.batch_size, calls=self.calls, file=str(self.outputs))


def keep_outputs(server: Server, opened: Reply, job: ServeJob, folder: Path) -> KeptOutputs:
    """Let the process that serves the deployed model write its inputs and outputs. Raises ServerLost."""
    sizes = [size for size in job.batch_sizes if size in opened.call_seconds]
    batch_size = max((size for size in sizes if size <= SAMPLES), default=min(sizes))
    calls = -(-SAMPLES // batch_size)
    kept = KeptOutputs(inputs=folder / "inputs.pt", outputs=folder / "outputs.pt", batch_size=batch_size, calls=calls)
    for command in (
        Command(do="inputs", batch_size=batch_size, calls=calls, file=str(kept.inputs)),
        Command(do="outputs", batch_size=batch_size, calls=calls, file=str(kept.outputs)),
    ):
        server.ask(command, timeout_seconds=ANSWER_SECONDS)
    return kept
