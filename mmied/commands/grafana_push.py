"""Write the dashboards into a Grafana, by its HTTP API."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from mmied import __version__
from mmied.commands.grafana_dashboards import dashboard_files
from mmied.errors import MmiedError

TIMEOUT_SECONDS = 15.0
HINTS = {
    400: "Where mmied's dashboards are provisioned from files, change those: `mmied grafana export`.",
    401: "The token is wrong or expired. Make one: Administration, Service accounts, role Editor.",
    403: "The token's service account may not do this: it needs the role Editor, or folders and dashboards to write.",
    404: "Is this Grafana's own address, with its path if it has one?",
    412: "A dashboard of that name or uid is kept elsewhere: is it provisioned, or in another folder's library?",
}


def read_token(path: Path) -> str:
    """Return the token that a file holds. Raises MmiedError."""
    try:
        token = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise MmiedError(f"--token-file: {path} cannot be read: {reason}.") from error
    return _checked(token, f"--token-file: {path}")


def push(url: str, *, token: str, folder: str, ca_file: Path | None) -> int:
    """Make or update the dashboards in the folder of that title, and print where they are. Raises MmiedError."""
    api = _connect(url, _checked(token, "--token"), ca_file)
    with _told(url):
        uid = _folder(api, url, folder)
        for file in dashboard_files():
            dashboard = json.loads(file.read_text(encoding="utf-8")) | {"id": None}
            answer = api.dashboard.update_dashboard(
                {"dashboard": dashboard, "folderUid": uid, "overwrite": True, "message": f"mmied {__version__}"}
            )
            known = _mapping(answer, url)
            print(f"{url.rstrip('/')}/d/{dashboard['uid']}  version {known.get('version')}")
    return 0


def _connect(url: str, token: str, ca_file: Path | None) -> Any:
    """Return the client of a Grafana; nothing is sent yet."""
    try:
        from grafana_client.api import GrafanaApi
        from grafana_client.client import TokenAuth
    except ImportError as error:
        raise MmiedError(
            "grafana push: needs grafana-client, which is not installed. Try: pip install 'mmied[grafana]', "
            "or provision what `mmied grafana export` writes."
        ) from error
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise MmiedError(f"--url: {url} is no address of a Grafana. Give one such as https://grafana.example.org")
    if parts.username is not None:
        raise MmiedError("--url: holds a user name or password. Give a token instead.")
    if ca_file is not None and not ca_file.is_file():
        raise MmiedError(f"--ca: {ca_file} is no file.")
    try:
        api = GrafanaApi.from_url(f"{url.rstrip('/')}/", credential=TokenAuth(token), timeout=TIMEOUT_SECONDS)
    except ValueError as error:
        raise MmiedError(f"--url: {url}: {error}.") from error
    if ca_file is not None:
        api.client.verify = str(ca_file)
    api.client.s.max_redirects = 0  # the token is for this address alone, and a redirected POST would become a GET
    return api


def _folder(api: Any, url: str, title: str) -> str:
    """Return the uid of the folder of that title, made where there is none."""
    folders = api.folder.get_all_folders()
    if not isinstance(folders, list):
        raise _no_grafana(url)
    for folder in folders:
        if _mapping(folder, url).get("title") == title:
            return str(folder.get("uid"))
    return str(_mapping(api.folder.create_folder(title), url).get("uid"))


@contextmanager
def _told(url: str) -> Iterator[None]:
    """Turn what goes wrong between here and Grafana into a sentence."""
    import niquests.exceptions
    from grafana_client.client import GrafanaException

    try:
        yield
    except GrafanaException as error:
        if not error.status_code:
            raise MmiedError(f"{url}: {error.message}. Is Grafana running, and is this its address?") from error
        hint = HINTS.get(error.status_code, "See Grafana's log." if error.status_code >= 500 else "")
        raise MmiedError(f"{url}: Grafana answered {error.status_code}: {_message(error.response)} {hint}") from error
    except niquests.exceptions.TooManyRedirects as error:
        raise MmiedError(
            f"{url}: leads elsewhere. Give the address that it leads to; https instead of http?"
        ) from error
    except niquests.exceptions.SSLError as error:
        raise MmiedError(
            f"{url}: TLS failed: {_root(error)}. Give --ca with the certificate that signed Grafana's own."
        ) from error
    except niquests.exceptions.JSONDecodeError as error:
        raise _no_grafana(url) from error
    except niquests.exceptions.RequestException as error:
        raise MmiedError(f"{url}: {_root(error)}. Is Grafana running, and is this its address?") from error


def _message(response: Any) -> str:
    """Return what Grafana said, cut short: a proxy may have answered with a page."""
    said = response.get("message", "") if isinstance(response, dict) else str(response)
    return f"{' '.join(said.split())[:200]}."


def _root(error: BaseException) -> str:
    """Return the innermost reason: the client's own sentences hold addresses of objects."""
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    return (error.strerror if isinstance(error, OSError) and error.strerror else str(error)) or type(error).__name__


def _mapping(answer: Any, url: str) -> dict[str, Any]:
    if not isinstance(answer, dict):
        raise _no_grafana(url)
    return answer


def _no_grafana(url: str) -> MmiedError:
    return MmiedError(f"{url}: what answers is not Grafana's API. {HINTS[404]}")


def _checked(token: str, where: str) -> str:
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise MmiedError(f"{where} is no token: Grafana's begin with glsa_ and are one word.")
    return token
