"""Read where alarms are to be sent: `notify: [{webhook: https://…}, {alertmanager: http://…}, {apprise: …}]`.

`webhook_file` and so on name a file that holds the address, for those that are secret.
"""

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import ValidationInfo

from mmied.alarms import TARGET_KINDS, Target
from mmied.config.values import suggest

MOST_TARGETS = 20
KEYS = (*TARGET_KINDS, *(f"{kind}_file" for kind in TARGET_KINDS))


def parse_notify(value: object, info: ValidationInfo) -> tuple[Target, ...]:
    """Return the targets. Raises ValueError, which never holds an address: a password may stand in it."""
    if not isinstance(value, list) or len(value) > MOST_TARGETS:
        raise ValueError(f'is not a list of at most {MOST_TARGETS} targets. Try [{{webhook: "https://…"}}].')
    folder: Path = (info.context or {})["folder"]
    return tuple(_read(item, position, folder) for position, item in enumerate(value))


def _read(item: object, position: int, folder: Path) -> Target:
    place = f"has in item {position + 1}"
    if not isinstance(item, Mapping) or len(item) != 1:
        raise ValueError(f"{place} no single target. Try {{webhook: https://…}}.")
    ((name, value),) = item.items()
    if name not in KEYS:
        raise ValueError(f'{place} "{name!s:.64}", which is no kind of target. {suggest(str(name), KEYS)}')
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{place} an address for {name} that is no text.")
    kind = next(each for each in TARGET_KINDS if name.removesuffix("_file") == each)
    if name.endswith("_file"):
        return Target(kind=kind, file=str(folder / value))
    if (wrong := wrong_address(kind, value)) is not None:
        raise ValueError(f"{place} an address for {kind} that {wrong}")
    return Target(kind=kind, address=value)


def wrong_address(kind: str, address: str) -> str | None:
    """Return what is wrong with an address, or None."""
    parts = urlsplit(address)
    if kind == "apprise":
        return None if parts.scheme else 'is no URL of Apprise. Try "slack://…" or "mailto://…".'
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return 'is no address. Try "https://example.org/hook".'
    return None
