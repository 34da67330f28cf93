"""Whatever the file holds, it is read or refused in sentences, never with a traceback."""

from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from mmied.config import load_config
from mmied.config.schema import Section
from mmied.errors import ConfigError


def mistakes_of(folder: Path, text: str | bytes) -> list[str]:
    file = folder / "mmied.yaml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ConfigError) as caught:
        load_config(file)
    return [mistake.removeprefix(f"{folder}/") for mistake in caught.value.mistakes]


@pytest.mark.parametrize("text", ["", "# only a comment\n", "---\n...\n", "\ufeff"])
def test_an_empty_file_says_so(tmp_path, text):
    [mistake] = mistakes_of(tmp_path, text)

    assert "is empty. Begin with `models:`" in mistake


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("a: 1\nb: [1, 2", "2: is not YAML that mmied reads: while parsing a flow sequence: expected"),
        ("a: 1\n\tb: 2", "2: is not YAML that mmied reads: while scanning for the next token: found character"),
        ("a: b: c", "1: is not YAML that mmied reads: mapping values are not allowed here."),
        ("a: *nothing", "1: is not YAML that mmied reads: found undefined alias 'nothing'."),
        ("a: 1\n---\nb: 2", "2: begins a second document. Keep one."),
        ("a: 1\nb: \x01", "2: holds an unprintable character, so is not YAML."),
        (b"a: 1\nb: \xff\xfe", "2: is not UTF-8 text. Save it as UTF-8."),
        (b"a: " + b"x" * (1 << 20), "is larger than 1048576 bytes. Is it the right file?"),
        ("a: " + "[" * 40, "1: is not YAML that mmied reads: it nests deeper than 32 levels."),
        ("a: " + "[" * 5000 + "]" * 5000, "1: is not YAML that mmied reads: it nests deeper than 32 levels."),
        ("a: &a [*a]", "its aliases expand without end"),
        (
            "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 25)),
            "its aliases expand without end",
        ),
    ],
)
def test_what_is_not_yaml_is_told_with_its_line(tmp_path, text, mistake):
    told = mistakes_of(tmp_path, text)

    assert len(told) == 1
    assert mistake in told[0]


@pytest.mark.parametrize(
    ("value", "mistake"),
    [
        ("!!python/object:os.system x", "budget.nice: has the tag"),
        ("!!python/object/apply:os.system [x]", "budget.nice: has the tag"),
        ("!secret x", "budget.nice: has the tag '!secret'. Only plain values are taken."),
        (".inf", "budget.nice: .inf is not a number that mmied can take."),
        ("9" * 5000, "999 is not a number that mmied can take."),
        ("0x_", "budget.nice: 0x_ is not a number that mmied can take."),
        ('"\\0"', "budget.nice: holds an unprintable character."),
        ('"\\ud800"', "budget.nice: holds an unprintable character."),
    ],
)
def test_values_that_yaml_has_and_we_do_not_are_told_once(tmp_path, value, mistake):
    told = mistakes_of(tmp_path, f"budget:\n  nice: {value}\n")

    assert len(told) == 1
    assert mistake in told[0]


def test_keys_that_yaml_has_and_we_do_not_are_told(tmp_path):
    told = mistakes_of(tmp_path, 'budget:\n  [a]: 1\n  "\\0": 2\n  <<: {nice: 3}\n  "two\\nlines": 4\n')

    assert told == [
        "mmied.yaml:1: budget: has a key on line 2 that is not a plain word.",
        "mmied.yaml:1: budget: has a key on line 3 that is not a plain word.",
        'mmied.yaml:1: budget: merges with "<<", which is not taken. Share whole values by &name and *name.',
        'mmied.yaml:5: budget."two\\nlines": is not known here. Known are cpu_ratio, gpu_ratio, scenario_time, '
        "run_timeout, worker_memory, threads, cpus, nice.",
    ]


def test_a_file_that_cannot_be_read_is_a_sentence(tmp_path):
    for path, why in [(tmp_path / "missing.yaml", "No such file or directory"), (tmp_path, "Is a directory")]:
        with pytest.raises(ConfigError) as caught:
            load_config(path)
        assert str(caught.value) == f"{path}: cannot be read: {why}. Check the path and its permissions."


KEYS = [field.alias or name for section in Section.__subclasses__() for name, field in section.model_fields.items()]
_WORDS = st.sampled_from(["5m", "batch", "a.b:c", "tight", "0 3 * * *", "2-3", "8GB", "::1:1", "", "x" * 100, "é\n"])
_SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | _WORDS | st.text(max_size=5)
_KEYS = st.sampled_from(KEYS)
_DATA = st.recursive(
    _SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=4), max_leaves=12
)
_MODELS = st.lists(st.dictionaries(_KEYS, _DATA, max_size=6), max_size=2)


@given(data=_DATA | st.dictionaries(_KEYS, _DATA) | st.fixed_dictionaries({"models": _MODELS}))
@settings(max_examples=150)
def test_whatever_yaml_is_given_it_is_read_or_refused_in_sentences(data, tmp_path_factory):
    file = tmp_path_factory.getbasetemp() / "any.yaml"
    file.write_text(yaml.safe_dump(data), encoding="utf-8")

    try:
        load_config(file)
    except ConfigError as error:
        assert error.mistakes
        assert all(mistake.startswith(f"{file}:") and mistake.isprintable() for mistake in error.mistakes)


@given(content=st.binary(max_size=60) | st.text("ab:-[]{}&*!|>'\"#%@ \n\t\\0", max_size=60).map(str.encode))
@settings(max_examples=200)
def test_whatever_bytes_are_given_there_is_no_traceback(content, tmp_path_factory):
    file = tmp_path_factory.getbasetemp() / "any.yaml"
    file.write_bytes(content)

    try:
        load_config(file)
    except ConfigError as error:
        assert error.mistakes
