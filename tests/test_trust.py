"""Nobody else can exchange a model unseen: by its hash, or by who can write to it."""

import hashlib
import os
from pathlib import Path

import pytest

from mmied.errors import MmiedError
from mmied.trust import digest_file, unsafe_reason

MODEL = b"not really a model"
US, SOMEBODY = os.geteuid(), 61234


@pytest.fixture
def model(tmp_path: Path) -> Path:
    file = tmp_path / "x.pt"
    file.write_bytes(MODEL)
    return file


def test_a_digest_is_that_of_the_file_s_content(model):
    assert digest_file(model) == f"sha256:{hashlib.sha256(MODEL).hexdigest()}"


@pytest.mark.parametrize("name", ["missing.pt", "."])
def test_a_file_that_cannot_be_hashed_is_a_sentence(tmp_path, name):
    with pytest.raises(MmiedError, match="cannot be read"):
        digest_file(tmp_path / name)


# Who could exchange it

# pytest's folders lie below /tmp, which is sticky, and belong to us.


def test_a_file_that_only_its_owner_writes_is_safe(model):
    model.chmod(0o644)

    assert unsafe_reason(model, uid=US) is None


@pytest.mark.parametrize("mode", [0o664, 0o646, 0o666, 0o622])
def test_a_file_that_others_write_is_not_safe(model, mode):
    model.chmod(mode)

    reason = unsafe_reason(model, uid=US)

    assert reason is not None
    assert f"mode {mode:04o}" in reason
    assert f"`chmod go-w {model}`" in reason
    assert f"`mmied trust add {model}`" in reason


@pytest.mark.parametrize("mode", [0o775, 0o777, 0o757])
def test_a_folder_that_others_write_is_not_safe_however_far_up(tmp_path, mode):
    folder = tmp_path / "a b" / "c"
    folder.mkdir(parents=True)
    (folder / "x.pt").touch(0o644)
    folder.parent.chmod(mode)

    reason = unsafe_reason(folder / "x.pt", uid=US)

    assert reason is not None
    assert f"chmod go-w '{folder.parent}'" in reason


def test_a_sticky_folder_may_be_passed_but_not_be_what_is_loaded(tmp_path):
    folder = tmp_path / "shared"
    folder.mkdir()
    folder.chmod(0o1777)
    (folder / "x.pt").touch(0o644)

    assert unsafe_reason(folder / "x.pt", uid=US) is None
    assert "mode 1777" in str(unsafe_reason(folder, uid=US))


@pytest.mark.root
@pytest.mark.parametrize("place", ["shared", "shared/own", "shared/own/x.pt"])
def test_what_belongs_to_somebody_else_is_not_safe(tmp_path, place):
    (tmp_path / "shared" / "own").mkdir(parents=True)
    (tmp_path / "shared").chmod(0o1777)
    model = tmp_path / "shared" / "own" / "x.pt"
    model.touch(0o644)
    os.chown(tmp_path / place, SOMEBODY, SOMEBODY)

    reason = unsafe_reason(model, uid=0)

    assert reason is not None
    assert f"{tmp_path / place} belongs to uid {SOMEBODY}" in reason
    assert f"chown -h root {tmp_path / place}" in reason
    assert unsafe_reason(model, uid=SOMEBODY) is None


@pytest.mark.root
def test_a_link_of_somebody_else_s_in_a_shared_folder_is_not_safe(tmp_path, model):
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    link = shared / "x.pt"
    link.symlink_to(model)
    assert unsafe_reason(link, uid=0) is None

    os.chown(link, SOMEBODY, SOMEBODY, follow_symlinks=False)

    assert f"{link} belongs to uid {SOMEBODY}" in str(unsafe_reason(link, uid=0))


@pytest.mark.parametrize("relative", [True, False])
def test_folders_before_and_behind_a_link_count(tmp_path, relative):
    front, back = tmp_path / "front", tmp_path / "back"
    front.mkdir()
    back.mkdir()
    (back / "x.pt").touch(0o644)
    (front / "models").symlink_to("../back" if relative else back)
    path = front / "models" / "x.pt"
    assert unsafe_reason(path, uid=US) is None

    for folder in (front, back):
        folder.chmod(0o777)
        assert f"{folder} can be written to by others" in str(unsafe_reason(path, uid=US))
        folder.chmod(0o755)


def test_two_dots_are_walked_as_the_kernel_walks_them(tmp_path):
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "deep" / "x.pt").touch(0o644)
    (tmp_path / "link").symlink_to("deep/er")
    (tmp_path / "deep").chmod(0o777)

    assert f"{tmp_path / 'deep'} can be written" in str(unsafe_reason(tmp_path / "link" / ".." / "x.pt", uid=US))


def test_a_path_that_leads_nowhere_is_a_sentence(tmp_path):
    (tmp_path / "loop").symlink_to("loop")

    assert "No such file" in str(unsafe_reason(tmp_path / "missing.pt", uid=US))
    assert "symbolic links" in str(unsafe_reason(tmp_path / "loop", uid=US))


def test_a_relative_path_begins_where_we_are(tmp_path, model, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model.chmod(0o666)

    assert f"{model} can be written" in str(unsafe_reason(Path("x.pt"), uid=US))
