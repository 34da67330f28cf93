"""Serve an ASGI app from a thread, to clients of whom some are silent, slow or many."""

import asyncio
import contextlib
import errno
import math
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import uvicorn
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mmied.errors import StartError
from mmied.web.auth import BasicAuth
from mmied.web.tls import make_context
from mmied.web.web_config import WebConfig

BACKLOG = 128
MAX_CONNECTIONS = 256  # requests on more are answered 503
KEEP_ALIVE_SECONDS = 75  # above Prometheus' usual scrape interval of a minute, so that it keeps its connection
START_SECONDS = 10
TICK_SECONDS = 1.0  # uvicorn's own tick of 0.1 s takes 0.2 % of a core at idle, this one 0.04 %
ALIVE_SECONDS = 30  # a loop that has not ticked for so long hangs, even on a busy host
REQUEST_SECONDS = 30.0  # to send a request's head, on a connection that has none in progress
RESPONSE_SECONDS = 300.0  # to be answered, and to take the answer


class HttpServer:
    """An HTTP server in a daemon thread. `port` may be 0 for any free one, and `host` "" for all addresses.

    `clock` gives monotonic seconds.
    """

    def __init__(
        self,
        app: ASGIApp,
        host: str,
        port: int,
        web_config: WebConfig | None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._app = app
        self._host = host
        self.port = port  # the one in fact listened on, from the start on
        self._clock = clock
        self._configure(web_config or WebConfig())
        self._socket: socket.socket | None = None
        self._thread: threading.Thread | None = None
        config = uvicorn.Config(
            self._serve,
            interface="asgi3",
            loop="asyncio",
            http="h11",
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="error",  # clients' mistakes are not ours to log
            access_log=False,
            server_header=False,
            proxy_headers=False,
            backlog=BACKLOG,
            limit_concurrency=MAX_CONNECTIONS,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
        )
        config.load()
        self._server = _Server(config, clock)

    @property
    def url(self) -> str:
        """Where this host reaches the server."""
        host = "localhost" if self._host in ("", "0.0.0.0", "::") else self._host
        scheme = "https" if self._context else "http"
        return f"{scheme}://{f'[{host}]' if ':' in host else host}:{self.port}"

    def start(self) -> None:
        """Listen and serve; returns once requests are answered. Raises StartError when that cannot be."""
        self._socket = _listen(self._host, self.port)
        self._socket.setblocking(False)  # a duplicate shares the flag, and would set it back for all of them
        self.port = int(self._socket.getsockname()[1])
        self._server.config.ssl = self._context
        self._thread = threading.Thread(target=self._server.run, args=([self._socket.dup()],), name="http", daemon=True)
        self._thread.start()
        if not self._server.serving.wait(START_SECONDS):
            self.stop(0)
            raise StartError(
                f"http.listen: {self.url} did not answer within {START_SECONDS} s. Is the host overloaded?"
            )

    def alive(self) -> bool:
        """Return whether the server's loop still turns."""
        running = self._thread is not None and self._thread.is_alive()
        return running and self._clock() - self._server.ticked_at < ALIVE_SECONDS

    def reload(self, web_config: WebConfig | None) -> None:
        """Take certificates, users and headers anew for all that follows; connections that stand stay.

        Raises ConfigError when the certificate cannot be used; the server then goes on as before. Raises
        StartError when the server hangs.
        """
        self._configure(web_config or WebConfig())
        if self._socket is not None and self._server.serving.is_set():
            renewal = self._server.listen_anew(self._socket.dup(), self._context)
            try:
                asyncio.run_coroutine_threadsafe(renewal, self._server.loop).result(START_SECONDS)
            except TimeoutError as error:
                raise StartError(f"{self.url} did not reload within {START_SECONDS} s. Restart mmied") from error

    def stop(self, timeout_seconds: float) -> bool:
        """Answer what was asked and stop, within `timeout_seconds`; False when the thread hangs longer."""
        if self._thread is None or self._socket is None:
            return True
        self._server.stop(timeout_seconds / 2)
        self._thread.join(timeout_seconds)
        self._socket.close()
        return not self._thread.is_alive()

    def _configure(self, web_config: WebConfig) -> None:
        context = make_context(web_config.tls) if web_config.tls else None
        entrance = BasicAuth(self._app, web_config.users) if web_config.users else self._app
        if web_config.headers:
            entrance = _with_headers(entrance, web_config.headers)
        self._entrance, self._context = entrance, context

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._entrance(scope, receive, send)


class _Server(uvicorn.Server):
    """uvicorn with a slower tick, a stop from another thread, and an end to connections that come to nothing."""

    loop: asyncio.AbstractEventLoop

    def __init__(self, config: uvicorn.Config, clock: Callable[[], float]) -> None:
        super().__init__(config)
        self.serving = threading.Event()
        self.ticked_at = clock()
        self._clock = clock
        self._woken = asyncio.Event()
        self._phases: dict[Any, tuple[tuple[str, object], float]] = {}

    def stop(self, graceful_seconds: float) -> None:
        self.config.timeout_graceful_shutdown = max(1, round(graceful_seconds))
        self.should_exit = True
        if self.serving.is_set():
            with contextlib.suppress(RuntimeError):  # the loop is closed already
                self.loop.call_soon_threadsafe(self._woken.set)

    async def listen_anew(self, listening: socket.socket, context: ssl.SSLContext | None) -> None:
        """Accept with `context` from now on; the kernel's queue of connections is one for both sockets."""
        before = self.servers
        self.config.ssl = context
        await super().startup([listening])
        await self._stop_accepting(before)
        for server in before:
            server.close()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.loop = asyncio.get_running_loop()
        await self.on_tick(0)  # puts the Date header in place
        self.ticked_at = self._clock()
        self.serving.set()

    async def main_loop(self) -> None:
        while not await self.on_tick(0):
            self.ticked_at = self._clock()
            self._close_stalled(self.ticked_at)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(TICK_SECONDS):
                    await self._woken.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await self._stop_accepting(self.servers)
        await super().shutdown(sockets)
        for connection in list(self.server_state.connections):
            connection.transport.abort()  # it did not take its answer in time
        await asyncio.sleep(0)

    async def _stop_accepting(self, servers: Iterable[asyncio.Server]) -> None:
        for server in servers:
            for listening in server.sockets:
                self.loop.remove_reader(listening.fileno())
        await asyncio.sleep(0)  # what was just accepted joins its server, which would be refused once that is closed

    def _close_stalled(self, now: float) -> None:
        """Abort connections that outlasted their phase: uvicorn bounds only the wait between requests."""
        phases: dict[Any, tuple[tuple[str, object], float]] = {}
        for connection in list(self.server_state.connections):
            phase, allowed = _phase(connection)
            before = self._phases.get(connection)
            since = before[1] if before and before[0] == phase else now
            if now - since > allowed:
                connection.transport.abort()
            else:
                phases[connection] = (phase, since)
        self._phases = phases


def _phase(connection: Any) -> tuple[tuple[str, object], float]:
    """Return what a connection waits for, and how many seconds it may."""
    cycle = connection.cycle
    answering = cycle is not None and not cycle.response_complete
    if answering or connection.transport.get_write_buffer_size():
        return ("response", cycle), RESPONSE_SECONDS
    if connection.timeout_keep_alive_task is not None:
        return ("idle", cycle), math.inf  # uvicorn ends it after KEEP_ALIVE_SECONDS
    return ("request", cycle), REQUEST_SECONDS


def _with_headers(app: ASGIApp, headers: Mapping[str, str]) -> ASGIApp:
    async def with_headers(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(headers)
            await send(message)

        await app(scope, receive, send_with_headers)

    return with_headers


def _listen(host: str, port: int) -> socket.socket:
    where = f"http.listen: cannot listen on {host or '*'}:{port}"
    dual = host in ("", "::") and socket.has_dualstack_ipv6()
    try:
        known = {socket.AF_INET6} if dual else {info[0] for info in socket.getaddrinfo(host or "0.0.0.0", port)}
        family = socket.AF_INET if socket.AF_INET in known else socket.AF_INET6  # as Go takes "localhost"
        address = ("" if dual else host, port)
        return socket.create_server(address, family=family, backlog=BACKLOG, dualstack_ipv6=dual)
    except socket.gaierror as error:
        raise StartError(f"{where}: this host does not know the name. Try 127.0.0.1") from error
    except OSError as error:
        hints = {
            errno.EADDRINUSE: "the port is taken, perhaps by another mmied or exporter: "
            f"`ss -ltnp 'sport = :{port}'` tells. Stop it, or set another port",
            errno.EADDRNOTAVAIL: "this host has no such address. `ip addr` lists those it has",
            errno.EACCES: "ports below 1024 need CAP_NET_BIND_SERVICE. Try one above",
        }
        raise StartError(f"{where}: {hints.get(error.errno or 0, error.strerror)}") from error
