"""The committed dashboards are what the code makes, in the forms that Grafana reads."""

import json
import re
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from dashboards import FOLDER, REPOSITORY, load, panels_of

from mmied.alerting import Settings, grafana_rules

DASHBOARDS, IMPORTS = load(), load("import")
PROVISIONING = FOLDER / "provisioning"


def test_making_them_again_changes_no_byte(tmp_path: Path) -> None:
    build = [sys.executable, str(FOLDER / "build.py"), "--output", str(tmp_path)]
    made = subprocess.run(build, capture_output=True, text=True)
    assert (made.returncode, made.stdout, made.stderr) == (0, "", "")
    names = {path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file()}
    kept = {
        path.relative_to(FOLDER)
        for part in ("dashboards", "import", "provisioning")
        for path in (FOLDER / part).rglob("*")
        if path.is_file()
    }
    assert names == kept
    for name in sorted(names):
        assert (tmp_path / name).read_bytes() == (FOLDER / name).read_bytes(), f"run python grafana/build.py: {name}"


@pytest.mark.parametrize("uid", DASHBOARDS)
def test_the_types_of_the_sdk_know_all_that_stands_in_a_dashboard(uid: str) -> None:
    """What they do not know is lost on the way: a key that was misspelt, or is of another version."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of the classic schema, which we choose
        from grafana_foundation_sdk.cog.encoder import JSONEncoder
        from grafana_foundation_sdk.cog.plugins import register_default_plugins
        from grafana_foundation_sdk.models.dashboard import Dashboard

        register_default_plugins()
        again = json.loads(json.dumps(Dashboard.from_json(DASHBOARDS[uid]), cls=JSONEncoder))
    assert list(lost(DASHBOARDS[uid], again)) == []


def lost(before: Any, after: Any, where: str = "") -> Iterator[str]:
    """Yield what was there before and is not, or is another, after."""
    match before, after:
        case dict(), dict():
            for key, value in before.items():
                yield from lost(value, after.get(key), f"{where}/{key}")
        case list(), list() if len(before) == len(after):
            for index, (old, new) in enumerate(zip(before, after, strict=True)):
                yield from lost(old, new, f"{where}/{index}")
        case _ if before != after:
            yield f"{where}: {before} became {after}"


def test_a_misspelt_key_would_be_found() -> None:
    assert list(lost({"a": [{"b": 1, "c": 2}]}, {"a": [{"b": 1, "d": 2}]})) == ["/a/0/c: 2 became None"]


@pytest.mark.parametrize("uid", DASHBOARDS)
def test_a_provisioned_dashboard_asks_for_no_input_and_one_to_import_does(uid: str) -> None:
    """Nothing would ever answer `__inputs` of a provisioned file: its panels would find no data source."""
    assert not {"__inputs", "__requires"} & set(DASHBOARDS[uid])
    assert DASHBOARDS[uid].get("id") is None
    form = IMPORTS[uid]
    names = {each["name"] for each in form["__inputs"]}
    text = json.dumps(form)
    assert names == {"DS_PROMETHEUS"}
    assert "${datasource}" not in text
    assert "${DS_PROMETHEUS}" in text
    assert "datasource" not in {variable["type"] for variable in form["templating"]["list"]}
    required = {each["id"] for each in form["__requires"] if each["type"] == "panel"}
    assert required == {panel["type"] for panel in panels_of(form)}
    assert [panel["title"] for panel in panels_of(form)] == [panel["title"] for panel in panels_of(DASHBOARDS[uid])]


def provisioned(name: str) -> dict[str, Any]:
    return dict(yaml.safe_load((PROVISIONING / name).read_text()))


def test_the_provisioned_data_source_is_the_one_that_the_alerts_ask() -> None:
    (source,) = provisioned("datasources/mmied.yaml")["datasources"]
    rules = yaml.safe_load(grafana_rules(Settings()))
    asked = {part["datasourceUid"] for group in rules["groups"] for rule in group["rules"] for part in rule["data"]}
    assert asked == {source["uid"], "__expr__"}
    assert source["type"] == "prometheus"


def test_the_provider_of_dashboards_reads_files_that_nobody_changes_by_hand() -> None:
    (provider,) = provisioned("dashboards/mmied.yaml")["providers"]
    assert provider["type"] == "file"
    assert provider["allowUiUpdates"] is False
    assert provider["options"]["path"].startswith("/")


def test_the_alerts_are_those_of_mmied_rules_and_are_off_until_their_name_is_changed() -> None:
    (path,) = (PROVISIONING / "alerting").iterdir()
    assert path.suffix not in (".yaml", ".yml", ".json"), "Grafana would read it"
    assert path.read_text() == grafana_rules(Settings())


def test_what_makes_them_is_needed_by_developers_alone() -> None:
    found = subprocess.run(
        ["grep", "-rlE", "grafana_foundation_sdk", str(REPOSITORY / "mmied"), "--include=*.py"],
        capture_output=True,
        text=True,
    )
    assert found.stdout == ""


def test_the_page_on_grafana_shows_what_there_is() -> None:
    page = (REPOSITORY / "docs" / "grafana.md").read_text()
    blocks = [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)]
    assert provisioned("dashboards/mmied.yaml") in blocks
    (source,) = (block["datasources"][0] for block in blocks if "datasources" in block)
    own = provisioned("datasources/mmied.yaml")["datasources"][0]
    assert {key: source[key] for key in ("uid", "type", "name")} == {key: own[key] for key in ("uid", "type", "name")}
    assert source["jsonData"].keys() == own["jsonData"].keys()
    for uid, dashboard in DASHBOARDS.items():
        assert f"| {dashboard['title'].removeprefix('mmied / ')} | `{uid}` |" in page
    shown = {panel["fieldConfig"]["defaults"]["noValue"] for each in DASHBOARDS.values() for panel in panels_of(each)}
    told = set(re.findall(r'"([^"]+)"', page.partition("## What stays empty")[2].partition("## Changing")[0]))
    assert told <= shown
