"""A model's hash gets into the configuration, and every other character stays."""

import hashlib
import os
import stat
from pathlib import Path

import pytest

from mmied.config import load_config
from mmied.errors import ConfigError, MmiedError
from mmied.trust import add_trust

MODEL = b"not really a model"
TRUST = f"sha256:{hashlib.sha256(MODEL).hexdigest()}"
OLD = f"sha256:{'0' * 64}"
SOMEBODY = 61234


@pytest.fixture
def model(tmp_path: Path) -> Path:
    file = tmp_path / "x.pt"
    file.write_bytes(MODEL)
    return file


def write(folder: Path, text: str) -> Path:
    file = folder / "mmied.yaml"
    file.write_bytes(text.encode())
    return file


def one_model(source: str) -> str:
    return f"# ours\nmodels:\n  - name: m  # the first\n{source}\n    inputs: [{{shape: [batch]}}]  # é\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("    source: {pickle: x.pt}", "    source: {pickle: x.pt, trust: TRUST}"),
        ("    source: {pickle: 'x.pt' }  # flow", "    source: {pickle: 'x.pt', trust: TRUST }  # flow"),
        ('    source: {"pickle":"x.pt"}', '    source: {"pickle":"x.pt", trust: TRUST}'),
        ("    source: {trust: OLD, pickle: x.pt}", "    source: {trust: TRUST, pickle: x.pt}"),
        ('    source: {pickle: x.pt, trust: "OLD"}  # kept', "    source: {pickle: x.pt, trust: TRUST}  # kept"),
        ("    source:\n      pickle: x.pt", "    source:\n      pickle: x.pt\n      trust: TRUST"),
        (
            "    source:\n      # code!\n      pickle: x.pt  # ours\n\n    # more",
            "    source:\n      # code!\n      pickle: x.pt  # ours\n      trust: TRUST\n\n    # more",
        ),
        (
            "    source:\n      trust: OLD  # old\n      pickle: x.pt",
            "    source:\n      trust: TRUST  # old\n      pickle: x.pt",
        ),
        ("    source:\n      pickle: x.pt\n      trust:", "    source:\n      pickle: x.pt\n      trust: TRUST"),
        ("    source:\n      pickle:\n        x.pt", "    source:\n      pickle:\n        x.pt\n      trust: TRUST"),
        (
            "    source: {factory: 'a.b:c', weights: x.pt, arguments: {n: 1}}",
            "    source: {factory: 'a.b:c', weights: x.pt, trust: TRUST, arguments: {n: 1}}",
        ),
        ("    source: {torchscript: ./sub/../x.pt}", "    source: {torchscript: ./sub/../x.pt, trust: TRUST}"),
    ],
)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_the_hash_is_written_and_every_other_character_stays(tmp_path, model, before, after, newline):
    (tmp_path / "sub").mkdir()
    before, after = (one_model(text).replace("\n", newline) for text in (before, after))
    config = write(tmp_path, before.replace("OLD", OLD))

    changed = add_trust(config, model)

    assert changed == ["m"]
    assert config.read_bytes().decode() == after.replace("TRUST", TRUST)
    assert load_config(config).models[0].spec.source.trust == TRUST


@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_a_last_line_without_its_end_gets_one(tmp_path, model, mark):
    text = f"{mark}models:\n- name: m\n  inputs: [{{shape: [batch]}}]\n  source:\n    torchscript: x.pt"
    config = write(tmp_path, text)

    add_trust(config, model)

    assert config.read_bytes().decode() == f"{text}\n    trust: {TRUST}"


def test_each_model_of_the_file_is_changed_and_no_other(tmp_path, model):
    (tmp_path / "link.pt").symlink_to(model)
    (tmp_path / "y.pt").write_bytes(b"another")
    models = "".join(
        f"- {{name: {name}, source: {{pickle: {path}}}, inputs: [{{shape: [batch]}}]}}\n"
        for name, path in [("a", "x.pt"), ("b", "y.pt"), ("c", "link.pt"), ("d", model)]
    )
    config = write(tmp_path, f"models:\n{models}")

    assert add_trust(config, tmp_path / "link.pt") == ["a", "c", "d"]
    assert config.read_text().count(TRUST) == 3

    with pytest.raises(ConfigError, match=r"mmied trust add y\.pt") as caught:
        load_config(config)
    assert len(caught.value.mistakes) == 1


def test_a_source_shared_by_an_alias_is_edited_once(tmp_path, model):
    config = write(
        tmp_path,
        "models:\n- {name: a, source: &s {pickle: x.pt}, inputs: &i [{shape: [batch]}]}\n"
        "- {name: b, source: *s, inputs: *i}\n",
    )

    assert add_trust(config, model) == ["a", "b"]

    assert {loaded.spec.source.trust for loaded in load_config(config).models} == {TRUST}
    assert config.read_text().count(TRUST) == 1


@pytest.mark.parametrize(
    "models",
    [
        # The hash is shared with the model of another file.
        f"- {{name: a, source: {{pickle: x.pt, trust: &t {OLD}}}}}\n"
        "- {name: b, source: {pickle: y.pt, trust: *t}}\n",
        # The path stands elsewhere.
        "- {name: &p x.pt, source: {pickle: *p}, inputs: [{shape: [batch]}]}\n",
        "- name: a\n  source:\n    ? pickle\n    : x.pt\n",
    ],
)
def test_where_aliases_are_in_the_way_nothing_is_written(tmp_path, model, models):
    config = write(tmp_path, f"models:\n{models}")

    with pytest.raises(MmiedError, match=rf"Write by hand, as models\.\S+\.source\.trust: {TRUST}"):
        add_trust(config, model)

    assert config.read_text() == f"models:\n{models}"


def test_a_hash_that_stands_already_changes_nothing(tmp_path, model):
    config = write(tmp_path, one_model(f"    source: {{pickle: x.pt, trust: {TRUST}}}"))
    before = config.stat()

    assert add_trust(config, model) == []

    assert config.stat().st_ino == before.st_ino


def test_mistakes_that_were_there_before_are_no_hindrance(tmp_path, model):
    config = write(tmp_path, "nise: 3\n" + one_model("    source: {pickle: x.pt}"))

    assert add_trust(config, model) == ["m"]


@pytest.mark.parametrize("text", ["{}", "models: 3", "- models", "models: [{source: {huggingface: x.pt}}, 3]"])
def test_a_file_that_no_model_comes_from_is_a_mistake(tmp_path, model, text):
    config = write(tmp_path, text)

    with pytest.raises(MmiedError, match="no model comes from"):
        add_trust(config, model)

    assert config.read_text() == text


def test_a_configuration_that_is_not_yaml_is_left_alone(tmp_path, model):
    config = write(tmp_path, "models: [")

    with pytest.raises(ConfigError, match="is not YAML"):
        add_trust(config, model)


def test_mode_and_link_stay_and_no_draft_is_left_behind(tmp_path, model):
    real = tmp_path / "real"
    real.mkdir()
    target = write(real, one_model(f"    source: {{pickle: {model}}}"))
    target.chmod(0o640)
    link = tmp_path / "link.yaml"
    link.symlink_to(target)

    add_trust(link, model)

    assert link.is_symlink()
    assert stat.S_IMODE(target.stat().st_mode) == 0o640
    assert [file.name for file in real.iterdir()] == ["mmied.yaml"]


@pytest.mark.root
def test_the_owner_stays(tmp_path, model):
    config = write(tmp_path, one_model("    source: {pickle: x.pt}"))
    os.chown(config, SOMEBODY, SOMEBODY)

    add_trust(config, model)

    assert (config.stat().st_uid, config.stat().st_gid) == (SOMEBODY, SOMEBODY)


def test_a_configuration_that_cannot_be_replaced_stays_as_it_was(tmp_path, model, monkeypatch):
    config = write(tmp_path, one_model("    source: {pickle: x.pt}"))
    text = config.read_text()

    def no_space(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", no_space)

    with pytest.raises(MmiedError, match="cannot be written: No space left on device"):
        add_trust(config, model)

    assert config.read_text() == text
    assert sorted(file.name for file in tmp_path.iterdir()) == ["mmied.yaml", "x.pt"]
