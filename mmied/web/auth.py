"""Let only those in who know a password."""

import asyncio
import base64
import binascii
import hashlib
import secrets
from collections import OrderedDict
from collections.abc import Mapping

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from mmied.web.web_config import WebConfig, load_web_config

__all__ = ["BasicAuth", "WebConfig", "load_web_config"]

KEPT_LOGINS = 128  # right passwords remembered; a bcrypt each takes 50 to 200 ms of a CPU
MAX_WAITING = 16  # requests that wait for their bcrypt; above, clients are told to come again
PAUSE_SECONDS = 1.0  # after a wrong password, before the next is tried: guessing takes a tenth of a CPU at most
BCRYPT_BYTES = 72  # bcrypt looks at no more, as htpasswd and the exporter toolkit have it

REFUSALS = {
    401: PlainTextResponse("Unauthorized\n", 401, {"WWW-Authenticate": 'Basic realm="mmied", charset="UTF-8"'}),
    429: PlainTextResponse("Too many logins at once\n", 429, {"Retry-After": "5"}),
}


class BasicAuth:
    """ASGI middleware: every request needs the name and password of one of `users`, a name to its bcrypt hash.

    There has to be one at least. The bcrypts run one at a time, in a thread; an unknown user costs the same
    time as a known one.
    """

    def __init__(self, app: ASGIApp, users: Mapping[str, str], *, pause_seconds: float = PAUSE_SECONDS) -> None:
        import bcrypt  # only hosts with passwords need it

        self._check = bcrypt.checkpw
        self._app = app
        self._hashes = {name.encode(): hashed.encode() for name, hashed in users.items()}
        # A salt and cost as real as theirs, for the unknown user; what it hashes to is never looked at
        self._nobody = next(iter(self._hashes.values()))
        self._pause_seconds = pause_seconds
        self._secret = secrets.token_bytes(32)
        self._logins: OrderedDict[bytes, None] = OrderedDict()
        self._turn = asyncio.Lock()
        self._waiting = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 401, or 429 while too many passwords wait to be checked."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        status = await self._judge(_credentials(scope))
        if status == 200:
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            await REFUSALS[status](scope, receive, send)

    async def _judge(self, credentials: tuple[bytes, bytes] | None) -> int:
        if credentials is None:
            return 401
        digest = self._digest(*credentials)
        if digest in self._logins:
            self._logins.move_to_end(digest)
            return 200
        if self._waiting >= MAX_WAITING:
            return 429
        return 200 if await self._verify(*credentials, digest) else 401

    def _digest(self, user: bytes, password: bytes) -> bytes:
        """Return what stands for a login in memory; no password is kept."""
        login = len(user).to_bytes(4) + user + password
        return hashlib.blake2b(login, key=self._secret, digest_size=32).digest()

    async def _verify(self, user: bytes, password: bytes, digest: bytes) -> bool:
        self._waiting += 1
        try:
            async with self._turn:
                if digest in self._logins:  # another request with the same login was before us
                    return True
                hashed = self._hashes.get(user, self._nobody)
                right = await asyncio.to_thread(self._check, password[:BCRYPT_BYTES], hashed)
                if not right or user not in self._hashes:
                    await asyncio.sleep(self._pause_seconds)
                    return False
                self._logins[digest] = None
                while len(self._logins) > KEPT_LOGINS:
                    self._logins.popitem(last=False)
                return True
        finally:
            self._waiting -= 1


def _credentials(scope: Scope) -> tuple[bytes, bytes] | None:
    """Return the name and password of the request's one Authorization header, or None."""
    headers = [value for name, value in scope["headers"] if name == b"authorization"]
    if len(headers) != 1:
        return None
    scheme, _, encoded = headers[0].partition(b" ")
    if scheme.lower() != b"basic":
        return None
    try:
        user, colon, password = base64.b64decode(encoded.strip(), validate=True).partition(b":")
    except binascii.Error:
        return None
    return (user, password) if colon else None
