"""Watch the host's pressure while nothing of ours runs: PSI's averages would count our own run's load after it."""

from collections import deque
from collections.abc import Mapping
from pathlib import Path

from mmied.daemon.admission import Pressure, pressure_between
from mmied.daemon.pressure import read_pressure

SHORTEST_SECONDS = 2.0
LONGEST_SECONDS = 10.0


class QuietPressure:
    """Remembers PSI's totals since the last run ended, ten seconds back at most."""

    def __init__(self, proc: Path = Path("/proc")) -> None:
        self._proc = proc
        self._seen: deque[tuple[float, Mapping[str, float]]] = deque(maxlen=int(LONGEST_SECONDS) * 2)

    def observe(self, monotonic: float, *, running: bool) -> None:
        """Look once, at most twice a second; while something of ours is `running` what was seen is forgotten."""
        if running:
            self._seen.clear()
        elif not self._seen or monotonic - self._seen[-1][0] >= 0.5:
            self._seen.append((monotonic, self._totals()))
            while monotonic - self._seen[0][0] > LONGEST_SECONDS:
                self._seen.popleft()

    def pressure(self) -> Pressure | None:
        """Return the pressure of the quiet time, or None when it is still too short to tell."""
        if not self._seen or self._seen[-1][0] - self._seen[0][0] < SHORTEST_SECONDS:
            return None
        (began, earlier), (ended, later) = self._seen[0], self._seen[-1]
        return pressure_between(earlier, later, ended - began)

    def _totals(self) -> dict[str, float]:
        try:
            fields = read_pressure(self._proc)
        except (OSError, ValueError, LookupError):
            return {}  # the sampler's pressure collector tells of it
        waiting = fields.get("pressure_waiting_seconds_total", {})
        stalled = fields.get("pressure_stalled_seconds_total", {})
        found = {"cpu": waiting.get("cpu"), "memory": waiting.get("memory"), "io": stalled.get("io")}
        return {name: total for name, total in found.items() if total is not None}
