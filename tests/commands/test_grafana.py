"""`mmied grafana` brings the dashboards to a Grafana, or says what stands in the way."""

import json
import socket
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from certificates import make_certificate
from daemon_process import mmied
from fake_grafana import TOKEN, running

REPOSITORY = Path(__file__).parents[2]
DASHBOARDS = REPOSITORY / "grafana" / "dashboards"
UIDS = {file.stem for file in DASHBOARDS.glob("*.json")}


def push(url: str, *arguments: str, token: str = TOKEN) -> subprocess.CompletedProcess[str]:
    return mmied("grafana", "push", "--url", url, "--token", token, *arguments)


def test_every_dashboard_is_written_into_a_folder_that_is_made_for_them() -> None:
    with running() as grafana:
        done = push(grafana.url)
    assert (done.returncode, done.stderr) == (0, "")
    assert set(grafana.dashboards) == UIDS
    assert [folder["title"] for folder in grafana.folders] == ["Other", "mmied"]
    assert {body["folderUid"] for body in grafana.dashboards.values()} == {grafana.folders[1]["uid"]}
    written = json.loads((DASHBOARDS / "mmied-fleet.json").read_text())
    assert grafana.dashboards["mmied-fleet"]["dashboard"] == written | {"id": None}
    assert f"{grafana.url}/d/mmied-fleet  version 1" in done.stdout


def test_a_second_push_updates_what_is_there_and_makes_no_second_folder() -> None:
    with running(prefix="/grafana") as grafana:
        assert push(f"{grafana.url}/").returncode == 0
        done = push(grafana.url)
    assert (done.returncode, done.stderr) == (0, "")
    assert set(grafana.versions.values()) == {2}
    assert len(grafana.folders) == 2
    assert done.stdout.count("version 2") == len(UIDS)


def test_a_folder_that_is_there_is_taken_by_its_title_and_a_token_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    with running() as grafana:
        done = mmied(
            "grafana", "push", "--url", grafana.url, "--token-file", str(tmp_path / "token"), "--folder", "Other"
        )
    assert done.returncode == 0
    assert {body["folderUid"] for body in grafana.dashboards.values()} == {"other"}


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("500", "Grafana answered 500: database is locked. See Grafana's log."),
        ("403", "Grafana answered 403: You'll need additional permissions: folders:read. The token's service account"),
        ("provisioned", "Grafana answered 400: Cannot save provisioned dashboard. Where mmied's dashboards are"),
        ("page", "what answers is not Grafana's API"),
        ("garbage", "what answers is not Grafana's API"),
        ("redirect", "leads elsewhere. Give the address that it leads to"),
    ],
)
def test_what_grafana_refuses_is_told_in_a_sentence(fault: str, said: str) -> None:
    with running(fault=fault) as grafana:
        done = push(grafana.url)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"mmied: {grafana.url}: ")
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert grafana.dashboards == {}


def test_a_wrong_token_is_told_and_not_printed() -> None:
    with running() as grafana:
        done = push(grafana.url, token="glsa_expired")
    assert done.returncode == 1
    assert "Grafana answered 401: Invalid API key. The token is wrong or expired." in done.stderr
    assert "glsa_expired" not in done.stderr


def test_an_address_where_nobody_listens_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    done = push(f"http://127.0.0.1:{port}")
    assert done.returncode == 1
    assert done.stderr == (
        f"mmied: http://127.0.0.1:{port}: Connection refused. Is Grafana running, and is this its address?\n"
    )


@pytest.mark.parametrize("url", ["grafana.example.org", "ftp://x/", "http://", "http://x:port", "http://me:secret@x/"])
def test_an_address_that_cannot_be_one_is_told_before_anything_is_sent(url: str) -> None:
    done = push(url)
    assert done.returncode == 1
    assert done.stderr.startswith("mmied: --url: ")
    assert "secret" not in done.stderr
    assert "Traceback" not in done.stderr


def test_a_certificate_that_nobody_vouches_for_is_refused_unless_it_is_named(tmp_path: Path) -> None:
    certificate = make_certificate(tmp_path, "grafana")
    with running(certificate=certificate) as grafana:
        refused = push(grafana.url)
        trusted = push(grafana.url, "--ca", str(certificate))
    assert refused.returncode == 1
    assert "TLS failed" in refused.stderr
    assert "--ca" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert (trusted.returncode, trusted.stderr) == (0, "")
    assert set(grafana.dashboards) == UIDS


@pytest.mark.parametrize("content", [None, "", "two words", "glsa_ä"])
def test_a_token_file_without_a_token_is_told(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "token"
    if content is not None:
        path.write_text(content)
    done = mmied("grafana", "push", "--url", "http://127.0.0.1:1", "--token-file", str(path))
    assert done.returncode == 1
    assert done.stderr.startswith(f"mmied: --token-file: {path} ")


def test_without_the_extra_it_says_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "grafana_client.py").write_text("raise ImportError('not installed')\n")
    done = mmied(
        *("grafana", "push", "--url", "http://127.0.0.1:1", "--token", "x"), environ={"PYTHONPATH": str(tmp_path)}
    )
    assert done.returncode == 1
    assert "pip install 'mmied[grafana]'" in done.stderr
    assert "mmied grafana export" in done.stderr


def test_the_dashboards_are_exported_into_a_folder_and_written_anew(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "dashboards"
    assert mmied("grafana", "export", "--output", str(folder)).returncode == 0
    (folder / "mmied-fleet.json").write_text("{")
    (folder / "mine.json").write_text("{}")
    done = mmied("grafana", "export", "--output", str(folder))
    assert done.returncode == 0
    assert {path.name for path in folder.iterdir()} == {f"{uid}.json" for uid in UIDS} | {"mine.json"}
    for file in DASHBOARDS.iterdir():
        assert (folder / file.name).read_bytes() == file.read_bytes()


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = mmied("grafana", "export", "--output", str(tmp_path / "file"))
    assert done.returncode == 1
    assert done.stderr == f"mmied: --output: {tmp_path / 'file'} cannot be written: File exists. Give another folder.\n"


def test_an_installed_wheel_brings_the_dashboards(tmp_path: Path) -> None:
    built = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
    )
    assert built.returncode == 0, built.stderr
    installed = tmp_path / "installed"
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        wheel.extractall(installed)
    done = mmied(
        *("grafana", "export", "--output", str(tmp_path / "out")), environ={"PYTHONPATH": str(installed)}, cwd=tmp_path
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert {path.stem for path in (tmp_path / "out").iterdir()} == UIDS
    assert {path.stem for path in (installed / "mmied" / "dashboards").iterdir()} == UIDS
