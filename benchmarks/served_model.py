"""Serve the demonstration's small transformer on a loopback port, and ask it: what a neighbour of the daemon does.

The server answers one request after another, each with one forward pass on one thread: `python served_model.py FILE`
prints its port. A request is a number of 8 bytes, and so is the answer.
"""

import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random

NUMBER = struct.Struct("<Q")
DRAIN_SECONDS = 10.0


def serve(path: Path) -> None:
    """Answer one client until it hangs up."""
    import torch  # here: the client, which measures the daemon's effect, has no use for it

    torch.set_num_threads(1)
    model = torch.jit.load(str(path)).eval()
    tokens = torch.randint(10_000, (1, 64))
    with torch.inference_mode(), socket.create_server(("127.0.0.1", 0)) as listening:
        for _ in range(100):
            model(tokens)
        print(listening.getsockname()[1], flush=True)
        client, _ = listening.accept()
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with client:
            while number := receive(client):
                model(tokens)
                client.sendall(number)


def receive(connection: socket.socket) -> bytes:
    """Return the next number as it came, or nothing when the other side hung up."""
    return connection.recv(NUMBER.size, socket.MSG_WAITALL)


@dataclass(frozen=True, slots=True)
class Slice:
    """What one stretch of asking gave: closed (as fast as answers come), or open (at random times of a fixed rate).

    The latency of an open request runs from the time at which it was due, so that a server that lags shows it.
    """

    closed: bool
    began_at: float  # Unix time
    seconds: float
    latencies_seconds: tuple[float, ...]


class Client:
    """A connection to the server."""

    def __init__(self, port: int) -> None:
        self._connection = socket.create_connection(("127.0.0.1", port), timeout=DRAIN_SECONDS)
        self._connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._chance = Random(0)

    def close(self) -> None:
        self._connection.close()

    def ask_closed(self, seconds: float) -> Slice:
        """Ask again whenever an answer came, for `seconds`."""
        began_at, began = time.time(), time.perf_counter()
        latencies = []
        asked = began
        while asked - began < seconds:
            self._connection.sendall(NUMBER.pack(0))
            receive(self._connection)
            answered = time.perf_counter()
            latencies.append(answered - asked)
            asked = answered
        return Slice(True, began_at, asked - began, tuple(latencies))

    def ask_open(self, seconds: float, rate: float) -> Slice:
        """Ask at random times, `rate` a second on average, whether answers came or not; wait for the last answer."""
        due = []
        at = self._chance.expovariate(rate)
        while at < seconds:
            due.append(at)
            at += self._chance.expovariate(rate)
        latencies: list[float] = []
        began_at, began = time.time(), time.perf_counter()

        def take_answers() -> None:
            for _ in due:
                number = NUMBER.unpack(receive(self._connection))[0]
                latencies.append(time.perf_counter() - began - due[number])

        taker = threading.Thread(target=take_answers)
        taker.start()
        for number, at in enumerate(due):
            time.sleep(max(0.0, began + at - time.perf_counter()))
            self._connection.sendall(NUMBER.pack(number))
        taker.join()
        return Slice(False, began_at, time.perf_counter() - began, tuple(latencies))


@contextmanager
def served(model: Path) -> Iterator[Client]:
    """Start a server of the model file and yield a client of it."""
    process = subprocess.Popen([sys.executable, __file__, str(model)], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        client = Client(int(process.stdout.readline()))
        yield client
        client.close()
    finally:
        process.kill()
        process.wait()


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
