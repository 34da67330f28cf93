"""Targets of messages are read, and a mistake never shows an address."""

from pathlib import Path

import pytest

from mmied.alarms import Target
from mmied.config import Config, load_config
from mmied.errors import ConfigError


def load(folder: Path, text: str) -> Config:
    file = folder / "mmied.yaml"
    file.write_text(f"notify: {text}\n")
    return load_config(file)


def test_each_kind_of_target_is_read(tmp_path: Path) -> None:
    found = load(
        tmp_path,
        '[{webhook: "https://example.org/hook"}, {alertmanager: "http://127.0.0.1:9093"}, '
        '{apprise: "slack://a/b/c"}, {webhook_file: secret}]',
    ).notify
    assert found == (
        Target(kind="webhook", address="https://example.org/hook"),
        Target(kind="alertmanager", address="http://127.0.0.1:9093"),
        Target(kind="apprise", address="slack://a/b/c"),
        Target(kind="webhook", file=str(tmp_path / "secret")),
    )


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[{webhok: 'https://sec:ret@example.org'}]", 'has in item 1 "webhok", which is no kind of target.'),
        (
            "[{webhook: 'sec:ret'}]",
            'has in item 1 an address for webhook that is no address. Try "https://example.org/hook".',
        ),
        (
            "[{webhook: 'https://x'}, {apprise: sec-ret}]",
            "has in item 2 an address for apprise that is no URL of Apprise.",
        ),
        ("[{webhook: 'https://x', apprise: 'sec://ret'}]", "has in item 1 no single target."),
        ("{webhook: 'https://sec:ret@x'}", "is not a list of at most 20 targets."),
        ("[{webhook: 5}]", "has in item 1 an address for webhook that is no text."),
    ],
)
def test_a_mistake_is_told_without_the_address(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text)
    assert len(caught.value.mistakes) == 1
    assert sentence in caught.value.mistakes[0]
    assert "ret" not in caught.value.mistakes[0]
