"""Tell how far a worker has come, so that a terminal can show a bar."""

from mmied.bench.worker import Report


class Steps:
    """Counts the phases of a job into its report: "3/12 measure b8"."""

    def __init__(self, report: Report, total: int) -> None:
        self._report = report
        self._total = total
        self._done = 0

    def reached(self, phase: str) -> None:
        """Say that `phase` begins."""
        self._total = max(self._total, self._done + 1)  # there were more than was thought
        self._report.update(phase=f"{self._done}/{self._total} {phase}")
        self._done += 1
