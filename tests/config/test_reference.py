"""What is written about the configuration is complete and true."""

import dataclasses
import re
from pathlib import Path

import yaml

from mmied.config import Config, load_config
from mmied.config.schema import ConfigKeys, Section

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "docs" / "configuration.md"
EXAMPLE = ROOT / "deploy" / "mmied.example.yaml"


def load(folder: Path, text: str) -> Config:
    file = folder / "mmied.yaml"
    file.write_text(text)
    return load_config(file)


def defaults(folder: Path) -> Config:
    return dataclasses.replace(load(folder, "{}"), digest="")


def sections(of: type[Section]) -> list[type[Section]]:
    return [each for section in of.__subclasses__() for each in (section, *sections(section))]


def keys_of(
    section: type[Section], prefix: str = "", above: tuple[type[Section], ...] = ()
) -> dict[str, type[Section]]:
    """Return each key's full name with the section that it stands in, nested sections once."""
    found: dict[str, type[Section]] = {}
    for attribute, field in section.model_fields.items():
        name = f"{prefix}{field.alias or attribute}"
        found[name] = section
        inner = re.findall(r"mmied\.config\.schema\.(\w+)", str(field.annotation))
        for nested in sections(Section):
            if nested.__name__ in inner and nested not in (section, *above):
                many = "[]" if "tuple[" in str(field.annotation) else ""
                found |= keys_of(nested, f"{name}{many}.", (*above, section))
    return found


def test_each_key_stands_in_the_reference_and_nothing_else():
    reference = REFERENCE.read_text()

    keys = keys_of(ConfigKeys)
    rows = set(re.findall(r"^\| `([^`]+)` \|", reference, re.MULTILINE))

    assert {"budget.scenario_time", "models[].pacing[].gap", "models[].inputs[].dict", "models[].unit.name"} <= set(
        keys
    )
    assert rows == {key for key in keys if key not in ConfigKeys.model_fields or key in ("state", "notify", "runbooks")}


def test_the_reference_s_examples_are_valid_and_its_defaults_true(tmp_path):
    reference = REFERENCE.read_text()

    blocks = re.findall(r"^```yaml\n(.*?)^```", reference, re.MULTILINE | re.DOTALL)
    configs = [load(tmp_path, block) for block in blocks]

    assert len(configs) > 3
    assert set(yaml.safe_load(blocks[0])) == set(ConfigKeys.model_fields)
    assert dataclasses.replace(configs[0], digest="") == defaults(tmp_path)


def test_the_example_to_begin_with_is_valid_and_its_commented_defaults_true(tmp_path):
    text = EXAMPLE.read_text()
    sections = text.split("\n\n", 1)[1].partition("models:")[0]

    assert load_config(EXAMPLE).models
    uncommented = re.sub(r"^( *)# ", r"\1", sections, flags=re.MULTILINE)
    assert dataclasses.replace(load(tmp_path, uncommented), digest="") == defaults(tmp_path)
    both = re.sub(r"^  # (?=- |  )", "  ", text, flags=re.MULTILINE)
    assert [model.name for model in load(tmp_path, both).models] == ["ranker", "classifier"]
