"""A message is sent to a target over TLS only where its certificate is good; what is wrong with it is told."""

from pathlib import Path

import pytest
from certificates import make_certificate
from daemon_process import mmied
from receivers import receiver


def told(folder: Path, url: str, trusted: Path | None) -> tuple[int, str]:
    """Return the exit status of `mmied notify-test`, and what it said."""
    config = folder / "mmied.yaml"
    config.write_text(f"notify: [{{webhook: '{url}'}}]\n")
    done = mmied("notify-test", "--config", str(config), environ={"SSL_CERT_FILE": str(trusted)} if trusted else {})
    return done.returncode, done.stdout + done.stderr


def test_a_good_certificate_is_taken(tmp_path: Path) -> None:
    certificate = make_certificate(tmp_path, "good")
    with receiver(certificate) as hook:
        assert told(tmp_path, hook.url, certificate) == (0, "1 webhook: took it\n")
    assert len(hook.alerts) == 2


@pytest.mark.parametrize(
    ("expired", "trusted", "why"),
    [(True, True, "certificate has expired"), (False, False, "self-signed certificate")],
    ids=["expired", "of-nobody"],
)
def test_a_bad_certificate_is_told_and_gets_no_message(tmp_path: Path, expired: bool, trusted: bool, why: str) -> None:
    certificate = make_certificate(tmp_path, "bad", expired=expired)
    with receiver(certificate) as hook:
        status, said = told(tmp_path, hook.url, certificate if trusted else None)

    assert status == 1
    assert "127.0.0.1 cannot be reached" in said
    assert why in said
    assert "Traceback" not in said
    assert hook.posts == []
