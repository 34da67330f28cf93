"""`mmied notify-test` tells of each target whether it takes messages."""

from pathlib import Path

import pytest
from receivers import receiver

from mmied.cli import main


def written(folder: Path, *targets: str) -> str:
    file = folder / "mmied.yaml"
    file.write_text(f"notify: [{', '.join(targets)}]\n")
    return str(file)


def test_a_target_that_takes_the_test_is_told_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with receiver() as hook:
        status = main(["notify-test", "--config", written(tmp_path, f"{{webhook: '{hook.url}'}}")])

    assert status == 0 and capsys.readouterr().out == "1 webhook: took it\n"
    assert [alert["status"] for alert in hook.alerts] == ["firing", "resolved"]
    assert hook.alerts[0]["labels"]["alertname"] == "MmiedNotifyTest"


def test_a_target_that_does_not_is_told_by_its_answer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with receiver() as hook:
        hook.status = 401
        config = written(tmp_path, f"{{webhook: '{hook.url}'}}", "{alertmanager: 'http://sec:ret@127.0.0.1:9'}")
        status = main(["notify-test", "--config", config])

    told = capsys.readouterr().err
    assert status == 1
    assert "1 webhook: 127.0.0.1 answered with status 401." in told
    assert "2 alertmanager: 127.0.0.1 cannot be reached: [Errno 111] Connection refused." in told
    assert "ret" not in told.replace("answered", "")


def test_an_address_that_apprise_does_not_know_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["notify-test", "--config", written(tmp_path, "{apprise: 'nonsense://a'}")]) == 1
    assert "1 apprise: Apprise could not deliver it: is the address right?" in capsys.readouterr().err


def test_apprise_delivers_to_a_service_that_it_knows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with receiver() as hook:
        address = hook.url.replace("http://", "json://")
        status = main(["notify-test", "--config", written(tmp_path, f"{{apprise: '{address}'}}")])

    assert status == 0, capsys.readouterr().err
    titles = [body["title"] for _, body in hook.posts]
    assert titles == ["[firing] A test: nothing is wrong.", "[resolved] A test: nothing is wrong."]


def test_a_configuration_without_targets_says_what_to_write(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["notify-test", "--config", written(tmp_path)]) == 1
    assert "`notify` names no target. Try notify: [{webhook:" in capsys.readouterr().err
