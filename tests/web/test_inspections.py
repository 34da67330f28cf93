"""The pages of inspections show what they saw, hold two against each other, and outlive their files."""

import base64
import hashlib
import html as markup
import re
from dataclasses import replace
from types import SimpleNamespace

import pytest
from looks import FINDINGS
from profile_builders import cuda_profile
from starlette.testclient import TestClient

from mmied.codec import from_json, to_json
from mmied.daemon_status import InspectionStatus
from mmied.inspection import Inspection, NvtxRange
from mmied.records import Run
from mmied.reports.profile_page import profile_html

HOUR = 3600.0


def text_of(answer: object) -> str:
    html = re.sub(r"(?s)<(script|style)\b.*?</\1>", " ", answer.text)  # type: ignore[attr-defined]
    return " ".join(markup.unescape(re.sub(r"<[^>]+>", " ", html)).split())


def section(page: str, name: str) -> str:
    (found,) = re.findall(rf"(?s)<section>\s*<h2>{name}</h2>.*?</section>", page)
    return str(found)


def test_an_inspection_shows_layers_operators_arithmetic_memory_and_its_flame_graph(
    client: TestClient, looks: list[Run]
) -> None:
    page = client.get("/inspections/look-2")
    said = text_of(page)

    assert page.status_code == 200
    assert "blocks.0" in said
    assert "aten::addmm" in said
    assert "300 M floating point operations a call" in said
    assert "95 % of the operators’ own time" in said
    assert "Peak in aten::addmm, blocks.1.linear" in said
    assert "The pass “attention” failed: the model has <no> such module" in said
    assert 'src="/inspections/look-2/flamegraph"' in page.text
    assert page.text.count('<div class="plot"') >= 2
    assert said.index("Layers") < said.index("Operators")
    assert "look-3" in page.text, "there is another to hold it against"
    assert "/against/look-1" not in page.text, "of which nothing is left to compare"


def test_an_inspection_shows_all_that_a_report_shows_of_the_passes(
    client: TestClient, daemon: SimpleNamespace, looks: list[Run]
) -> None:
    profile = cuda_profile()
    seen = profile.inspection
    assert seen is not None
    assert seen.layers is not None
    assert seen.operators is not None
    root, *parts = seen.layers.layers
    seen = replace(
        seen,
        layers=replace(seen.layers, layers=(replace(root, kept_bytes=3_000), *parts)),
        operators=replace(seen.operators, ranges=(NvtxRange(name="decode", calls=3, seconds=0.001),)),
    )
    written = to_json(seen)
    daemon.artifacts.file("look-2", "inspection.json").write_text(written)

    page = client.get("/inspections/look-2")
    report = profile_html(replace(profile, inspection=from_json(Inspection, written), usage=None))

    said = text_of(page)
    for figure in (
        "ampere_sgemm_128x64_tn matmul 17 2.00 ms",
        "host to device 1 4.10 kB",
        "decode 3 1.00 ms",
        "encoder.layers.1.linear1 aten::addmm",
        "3.00 kB",
        "While it was looked into",
        "each row is a query, each column a key",
    ):
        assert figure in said
    assert "<h2>Attention</h2>" in page.text
    for name in ("Layers", "Operators", "Arithmetic", "Memory", "Hardware", "Attention"):
        ours, theirs = (section(text, name).replace("The JSON", "inspection.json") for text in (page.text, report))
        assert ours == theirs


def test_no_page_of_an_inspection_carries_a_script_of_its_own(client: TestClient, looks: list[Run]) -> None:
    for address in ("/inspections/look-2", "/inspections/look-1", "/inspections/look-2/against/look-3"):
        page = client.get(address)
        attributes = re.findall(r"<script([^>]*)>", page.text)
        assert all("src=" in one or "application/json" in one for one in attributes)
        assert "default-src 'self'" in page.headers["content-security-policy"]
        for asset in re.findall(r'(?:src|href)="(/static/[^"]+)"', page.text):
            assert client.get(asset).status_code == 200, asset


def test_a_flame_graph_may_run_its_own_scripts_and_no_others_and_be_framed_by_our_pages_alone(
    client: TestClient, looks: list[Run]
) -> None:
    for address in ("/inspections/look-2/flamegraph", "/inspections/look-2/against/look-3/flamegraph"):
        page = client.get(address)
        policy = dict(part.strip().split(" ", 1) for part in page.headers["content-security-policy"].split(";"))
        (script,) = re.findall(r"(?s)<script>(.*?)</script>", page.text)
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        assert policy["script-src"] == f"'sha256-{digest}'"
        assert policy["default-src"] == "'none'"
        assert policy["frame-ancestors"] == "'self'"
        assert page.headers["x-content-type-options"] == "nosniff"


def test_two_inspections_are_held_against_each_other_the_older_before_the_newer(
    client: TestClient, looks: list[Run]
) -> None:
    pages = [client.get(f"/inspections/{address}") for address in ("look-2/against/look-3", "look-3/against/look-2")]
    bodies = [page.text.partition("<main")[2] for page in pages]
    said = text_of(pages[0])

    assert bodies[0] == bodies[1]
    assert "blocks.1.linear +2.00 ms +100 % 2.00 ms 4.00 ms Linear" in said
    assert said.index("blocks.1.linear") < said.index("aten::addmm")
    assert "blocks.0.linear" not in said, "what is as it was is no difference"
    assert "/inspections/look-3/against/look-2/flamegraph" in pages[0].text


def test_a_difference_says_what_else_is_not_the_same(
    client: TestClient, daemon: SimpleNamespace, looks: list[Run], make: SimpleNamespace
) -> None:
    environment = make.run("x", "ranker", 0.0).environment
    assert environment is None
    daemon.store.whole["look-3"] = replace(looks[2], revision="0" * 64)

    assert "The model's file changed: 3fa94c1d77e0 before, 000000000000 after" in text_of(
        client.get("/inspections/look-2/against/look-3")
    )


def test_files_can_be_saved_as_they_are(client: TestClient, looks: list[Run]) -> None:
    found = client.get("/inspections/look-2/files/inspection.json")
    trace = client.get("/inspections/look-2/files/trace.json.gz")

    assert from_json(Inspection, found.content).workload.scenario == "b8"
    assert 'attachment; filename="look-2-inspection.json"' in found.headers["content-disposition"]
    assert trace.headers["content-type"] == "application/gzip"
    assert trace.content.startswith(b"\x1f\x8b")


def test_an_inspection_whose_files_are_gone_shows_what_the_history_holds(client: TestClient, looks: list[Run]) -> None:
    page = client.get("/inspections/look-1")
    said = text_of(page)

    assert page.status_code == 200
    assert "not here (any more)" in said
    assert "never in PostgreSQL" in said
    assert "blocks.1.linear 2.00 ms" in said
    assert "matmul 4.00 ms" in said
    assert "<iframe" not in page.text
    difference = client.get("/inspections/look-1/against/look-2")
    assert difference.status_code == 200
    assert "not here (any more)" in text_of(difference)


def test_an_inspection_that_failed_says_why_and_shows_its_log(
    client: TestClient, daemon: SimpleNamespace, looks: list[Run]
) -> None:
    daemon.store.whole["look-1"] = replace(
        looks[0], outcome="crashed", reason="killed", message="died of SIGSEGV in phase “inspect memory”", log_tail="oh"
    )
    said = text_of(client.get("/inspections/look-1"))

    assert "died of SIGSEGV in phase “inspect memory”" in said
    assert "End of the log oh" in said


def test_a_file_of_another_version_is_told_and_breaks_no_page(
    client: TestClient, daemon: SimpleNamespace, looks: list[Run]
) -> None:
    path = daemon.artifacts.file("look-2", "inspection.json")
    path.write_text('{"workload": 3}')
    daemon.artifacts.file("look-2", "flamegraph.json").write_text("{}")

    page = client.get("/inspections/look-2")
    assert page.status_code == 200
    assert "The inspection cannot be read: not a Inspection" in text_of(page)
    assert client.get("/inspections/look-2/flamegraph").status_code == 404
    assert client.get("/inspections/look-2/against/look-3").status_code == 200


@pytest.mark.parametrize(
    "address",
    [
        "/inspections/nothing",
        "/inspections/ranker-0335",
        "/inspections/nothing/against/look-2",
        "/inspections/look-1/flamegraph",
        "/inspections/nothing/flamegraph",
        "/inspections/look-1/against/look-2/flamegraph",
        "/inspections/look-2/files/run.json",
        "/inspections/look-2/files/model",
        "/inspections/look-1/files/inspection.json",
        "/inspections/..%2Fruns%2Flook-2/files/inspection.json",
    ],
)
def test_what_is_not_there_is_not_found(client: TestClient, looks: list[Run], address: str) -> None:
    assert client.get(address).status_code == 404


def test_a_model_links_its_inspections_and_says_how_they_stand(
    client: TestClient, daemon: SimpleNamespace, make: SimpleNamespace, looks: list[Run]
) -> None:
    how = InspectionStatus(
        interval_seconds=6 * HOUR, next_run_at=make.now + HOUR, why="inspect failed: no luck", consecutive_failures=2
    )
    daemon.status = make.status(models=(make.model("ranker", inspection=how, drift_ratio=0.0),))
    page = client.get("/models/ranker")
    said = text_of(page)

    assert "inspect failed: no luck" in said
    assert "one every 6 h" in said
    assert "most time in blocks.1.linear , 2.00 ms; 300 M FLOPs; without attention" in said
    assert '"/inspections/look-3/against/look-2"' in page.text
    assert '"/inspections/look-2/against/' not in page.text, "the one before it has no files"
    assert "none, equal to the bit" in said
    runs = page.text.partition('id="runs"')[2]
    assert "look-" not in runs, "the list of runs is of those that profile"


def test_a_drift_is_shown(client: TestClient, daemon: SimpleNamespace, make: SimpleNamespace) -> None:
    daemon.status = make.status(models=(make.model("ranker", drift_ratio=0.031),))

    assert "Output drift 3.1 %" in text_of(client.get("/models/ranker"))


def test_the_run_page_of_an_inspection_leads_to_it_and_runs_can_be_asked_for_by_kind(
    client: TestClient, looks: list[Run]
) -> None:
    assert '"/inspections/look-2"' in client.get("/runs/look-2").text
    found = client.get("/api/runs?model=ranker&kind=inspect").json()
    assert [run["run_id"] for run in found] == ["look-3", "look-2", "look-1"]
    assert found[0]["findings"]["layer_seconds"] == FINDINGS.layer_seconds
