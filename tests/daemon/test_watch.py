"""A model file that changes on disk is noticed, once, when it is whole."""

from pathlib import Path

import pytest
from builders import make_model

from mmied.config import Model
from mmied.daemon.watch import FileWatch, missing_files, model_files
from mmied.identity import file_identity
from mmied.records import Source


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "ranker.pt"
    file.write_bytes(b"first")
    return file


def of(file: Path) -> Model:
    return make_model(source=Source(kind="torchscript", path=str(file)))


def replace_file(file: Path, content: bytes) -> None:
    draft = file.with_suffix(".new")
    draft.write_bytes(content)
    draft.replace(file)


def test_what_is_found_at_the_first_look_is_no_change(file: Path) -> None:
    watch = FileWatch()

    assert [watch.changed([of(file)]) for _ in range(3)] == [[], [], []]


def test_a_change_is_told_once_after_it_has_stood_for_two_looks(file: Path) -> None:
    watch = FileWatch()
    watch.changed([of(file)])
    replace_file(file, b"second")

    assert [watch.changed([of(file)]) for _ in range(4)] == [[], ["ranker"], [], []]


def test_a_file_that_is_being_copied_is_waited_for(file: Path) -> None:
    watch = FileWatch()
    watch.changed([of(file)])
    for size in range(1, 5):
        file.write_bytes(b"x" * size)
        assert watch.changed([of(file)]) == []

    assert watch.changed([of(file)]) == ["ranker"]


def test_a_file_that_is_gone_is_told_when_it_is_back(file: Path) -> None:
    watch = FileWatch()
    watch.changed([of(file)])
    file.unlink()
    assert [watch.changed([of(file)]) for _ in range(3)] == [[], [], []]

    file.write_bytes(b"second")
    assert [watch.changed([of(file)]) for _ in range(2)] == [[], ["ranker"]]


def test_a_change_that_is_taken_back_is_none(file: Path) -> None:
    other = file.with_name("other.pt")
    other.write_bytes(b"second")
    link = file.with_name("current.pt")
    link.symlink_to(file)
    watch = FileWatch()
    watch.changed([of(link)])
    link.unlink()
    link.symlink_to(other)
    watch.changed([of(link)])
    link.unlink()
    link.symlink_to(file)

    assert [watch.changed([of(link)]) for _ in range(3)] == [[], [], []]


def test_a_mode_that_is_changed_is_a_change_since_it_bears_on_trust(file: Path) -> None:
    watch = FileWatch()
    watch.changed([of(file)])
    file.chmod(0o600)

    assert [watch.changed([of(file)]) for _ in range(2)] == [[], ["ranker"]]


def test_another_path_in_a_new_configuration_is_no_change_on_disk(file: Path) -> None:
    other = file.with_name("other.pt")
    other.write_bytes(b"second")
    watch = FileWatch()
    watch.changed([of(file)])

    assert [watch.changed([of(other)]) for _ in range(3)] == [[], [], []]
    replace_file(other, b"third")
    assert [watch.changed([of(other)]) for _ in range(2)] == [[], ["ranker"]]


def test_the_files_of_a_source_are_its_path_and_its_weights() -> None:
    assert model_files(Source(kind="pickle", path="/m/a.pt")) == (Path("/m/a.pt"),)
    assert model_files(Source(kind="factory", factory="shop:make")) == ()
    assert model_files(Source(kind="factory", factory="shop:make", weights="/m/w.pt")) == (Path("/m/w.pt"),)


def test_the_files_of_a_folder_are_its_weights_and_settings(tmp_path: Path) -> None:
    source = Source(kind="huggingface", path=str(tmp_path))
    assert model_files(source) == (tmp_path,)

    for name in ("config.json", "model.safetensors", "README.md"):
        (tmp_path / name).touch()
    assert model_files(source) == (tmp_path / "config.json", tmp_path / "model.safetensors")


def test_a_file_that_is_added_to_a_folder_is_a_change(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"first")
    model = make_model(source=Source(kind="huggingface", path=str(tmp_path)))
    watch = FileWatch()
    watch.changed([model])
    (tmp_path / "config.json").write_text("{}")

    assert [watch.changed([model]) for _ in range(2)] == [[], ["ranker"]]


def test_files_that_are_not_there_are_told(file: Path) -> None:
    gone = file.with_name("gone.pt")

    assert missing_files(Source(kind="torchscript", path=str(file))) == ()
    assert missing_files(Source(kind="torchscript", path=str(gone))) == (gone,)


def test_sizes_are_of_all_files_and_nothing_for_missing_ones(file: Path) -> None:
    watch = FileWatch()
    gone = make_model("gone", source=Source(kind="torchscript", path="/nowhere.pt"))
    both = make_model("both", source=Source(kind="factory", factory="a:b", weights=str(file)))
    watch.changed([of(file), gone, both])

    assert watch.sizes_bytes() == {"ranker": 5, "gone": 0, "both": 5}


# What changed while the daemon was down


def identity(file: Path) -> str:
    return file_identity(file.stat())


def test_files_that_a_run_took_the_digests_of_are_known_again(file: Path) -> None:
    watch = FileWatch()
    digests = {identity(file): "a" * 64}
    watch.changed([of(file)])
    assert watch.still_is("ranker", digests)

    replace_file(file, b"second")
    later = FileWatch()
    later.changed([of(file)])
    assert not later.still_is("ranker", digests)


def test_one_of_many_files_that_changed_is_enough(tmp_path: Path) -> None:
    names = ("config.json", "model-1.safetensors", "model-2.safetensors")
    for name in names:
        (tmp_path / name).write_bytes(b"first")
    digests = {identity(tmp_path / name): "a" * 64 for name in names[1:]}  # a worker hashes what it loads
    model = make_model(source=Source(kind="huggingface", path=str(tmp_path)))
    watch = FileWatch()
    watch.changed([model])
    assert watch.still_is("ranker", digests)

    replace_file(tmp_path / names[2], b"second")
    later = FileWatch()
    later.changed([model])
    assert not later.still_is("ranker", digests)


def test_a_model_without_files_is_what_it_was() -> None:
    watch = FileWatch()
    watch.changed([make_model(source=Source(kind="factory", factory="shop:make"))])

    assert watch.still_is("ranker", {})
