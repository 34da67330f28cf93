"""Each page says what is known, in the same frame, whatever is missing."""

import re
import time
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from starlette.testclient import TestClient

from mmied.records import Event
from mmied.web import pages
from mmied.web.app import create_app

PAGES = (
    "/",
    "/models/ranker",
    "/models/embedder",
    "/models/translator-large",
    "/runs/ranker-0335",
    "/hardware",
    "/daemon",
)


def text(answer: Any) -> str:
    """Return what a reader sees of a page, its white space taken together."""
    html = re.sub(r"(?s)<(script|style)\b.*?</\1>", " ", answer.text)
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


@pytest.mark.parametrize("address", PAGES)
def test_every_page_answers_get_and_head_and_nothing_else(client: TestClient, address: str) -> None:
    page = client.get(address)

    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert client.head(address).status_code == 200
    refused = client.post(address)
    assert refused.status_code == 405
    assert set(re.split(", ?", refused.headers["allow"])) == {"GET", "HEAD"}


@pytest.mark.parametrize("address", [*PAGES, "/metrics", "/api/status", "/nothing", "/static/mmied.css"])
def test_every_answer_keeps_the_browser_at_home(client: TestClient, address: str) -> None:
    headers = client.get(address).headers

    policy = dict(part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'self'"
    assert "script-src" not in policy
    assert policy["frame-ancestors"] == "'none'"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize("address", PAGES)
def test_no_page_names_another_host_or_carries_a_script(client: TestClient, address: str) -> None:
    html = client.get(address).text

    assert not re.findall(r"""(?:src|href)=["']?(?:https?:)?//""", html)
    assert not re.findall(r"\son\w+=", html)
    assert all(
        "src=" in attributes or "application/json" in attributes for attributes in re.findall(r"<script([^>]*)>", html)
    )


def test_the_overview_shows_every_model_with_its_state_and_figures(client: TestClient) -> None:
    page = text(client.get("/"))

    for state in ("healthy", "failing", "waiting", "quarantined"):
        assert state in page
    assert "4.71 ms" in page
    assert "27,200 tokens/s" in page
    assert "412 MB" in page
    assert "withheld: needs 459 samples, has 120" in page
    assert "pooled over 4 runs" in page
    assert "not comparable" in page
    assert "ran 18 min ago" in page
    assert "next in 41 min" in page
    assert "The last 4 runs failed" in page
    assert "nothing measured yet: the first run comes in 3 min" in page
    assert "0.42 % of the host; budget 1.0 %" in page
    assert "torch 2.12.1 → 2.13.0" in page


def test_a_first_run_under_way_says_what_it_does(
    client: TestClient, daemon: SimpleNamespace, make: SimpleNamespace
) -> None:
    first = make.model(
        "new", state="running", phase="measure b8", last_run_id=None, last_run_at=None, scenarios=make.unmeasured()
    )
    daemon.status = make.status(models=(first,))

    assert "measuring b8…" in text(client.get("/"))
    assert "measuring b8…" in text(client.get("/models/new"))


def test_a_host_without_models_is_told_how_to_name_one(
    client: TestClient, daemon: SimpleNamespace, make: SimpleNamespace
) -> None:
    daemon.status = make.status(models=())

    page = text(client.get("/"))

    assert "No models are configured" in page
    assert "/etc/mmied/mmied.yaml" in page


def test_notices_and_a_refused_configuration_are_on_top(
    client: TestClient, daemon: SimpleNamespace, make: SimpleNamespace
) -> None:
    daemon.status = make.status(
        notices=("NVML is missing.",), config_error='models.ranker: "5 minuts" is not an interval'
    )

    for address in ("/", "/daemon"):
        page = text(client.get(address))
        assert "NVML is missing." in page
        assert "is not an interval" in page
        assert "the old one goes on" in page


@pytest.mark.parametrize("chosen", ["6h", "24h", "7d", "30d", "90d"])
def test_a_models_history_can_be_seen_over_several_spans(client: TestClient, chosen: str) -> None:
    page = client.get("/models/ranker", params={"range": chosen})

    assert page.status_code == 200
    assert f'<a href="?range={chosen}" aria-current="true">' in page.text


def test_an_unknown_span_is_the_usual_one(client: TestClient) -> None:
    assert '<a href="?range=7d" aria-current="true">' in client.get("/models/ranker?range=<script>").text


def test_a_history_too_long_to_draw_says_that_it_was_cut(
    client: TestClient, daemon: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "POINTS", 50)

    assert "the newest 50 runs" in client.get("/models/ranker").text


def test_a_models_runs_can_be_followed_into_the_past(client: TestClient) -> None:
    newest = client.get("/models/ranker").text
    older = re.search(r'href="\?range=7d&amp;before=([\d.]+)#runs">Older runs', newest)

    assert older is not None
    past = client.get("/models/ranker", params={"before": older[1]}).text
    assert "ranker-0310" in past
    assert "ranker-0335<" not in past.split('id="runs"')[1]


def test_the_runs_of_a_model_say_why_they_failed(client: TestClient) -> None:
    page = text(client.get("/models/ranker"))

    assert "busy cpu : 18 % of the time tasks waited for a CPU" in page
    assert "timeout : still measuring b8 after 120 s" in page
    assert "forced" in page


def test_a_run_shows_its_figures_how_they_were_had_and_why_some_are_not(client: TestClient) -> None:
    page = text(client.get("/runs/ranker-0335"))

    assert "clean iterations" in page
    assert "wall minus wait" in page
    assert "withheld: needs 90 samples, has 80" in page
    assert "Samples behind the figures" in page
    assert "import 2.41 s" in page
    assert "measure b8" in page
    assert "AMD EPYC 9354" in page
    assert "3.25 GHz" in page


def test_a_failed_run_shows_the_end_of_its_log(client: TestClient, make: SimpleNamespace) -> None:
    page = client.get("/runs/embedder-fail")

    assert "failed finding central directory &lt;eof&gt;" in page.text
    assert "the model could not be opened, trusted or fed" in text(page)


def test_a_run_of_a_model_that_is_gone_is_still_shown(
    client: TestClient, daemon: SimpleNamespace, make: SimpleNamespace
) -> None:
    daemon.status = make.status(models=())

    page = client.get("/runs/ranker-0335")

    assert page.status_code == 200
    assert "no longer configured" in page.text


def test_the_hardware_page_shows_gpus_and_collectors_that_fail(
    client: TestClient, daemon: SimpleNamespace, make: SimpleNamespace
) -> None:
    with_gpus = text(client.get("/hardware"))
    daemon.status = make.status(hardware=make.hardware(make.now, gpus=False))
    without = text(client.get("/hardware"))

    assert "NVIDIA H200" in with_gpus
    assert "power cap" in with_gpus
    assert "Is the driver installed?" in without


def test_the_daemon_page_shows_what_mmied_costs(client: TestClient) -> None:
    page = text(client.get("/daemon"))

    for said in ("61.3 MB", "20 min", "62 %", "38.4 MB", "of 512 MB", "2.13.0", "/etc/mmied/mmied.yaml", "Up for 14 d"):
        assert said in page


def test_nothing_that_a_record_says_is_taken_for_markup(
    client: TestClient, daemon: SimpleNamespace, make: SimpleNamespace
) -> None:
    evil = "</script><script>alert(1)</script><img src=x onerror=alert(1)>"
    daemon.status = make.status(
        models=(make.model("ranker", why=evil, format=evil, device=evil, unit=evil),),
        notices=(evil,),
        config_error=evil,
        hardware=replace(make.hardware(make.now), temperature_celsius={evil: 40.0}),
    )
    daemon.store.ledger = (Event(at=make.now - 60, kind="model_changed", model=evil, message=evil),)
    daemon.store.samples = (daemon.status.hardware,)
    daemon.store.runs = (
        make.run("evil", "ranker", make.now - 60, outcome="failed", reason=evil, message=evil, log_tail=evil),
    )

    for address in ("/", "/models/ranker", "/runs/evil", "/hardware", "/daemon", f"/models/{evil.replace('/', '')}"):
        html = client.get(address).text
        assert "<script>alert" not in html
        assert "<img src=x" not in html


@pytest.mark.parametrize("address", ["/nothing", "/models/nobody", "/runs/nothing", "/static/nothing.js"])
def test_what_is_not_there_is_answered_in_the_same_frame(client: TestClient, address: str) -> None:
    page = client.get(address)

    assert page.status_code == 404
    assert '<nav aria-label="Pages">' in page.text
    assert "To the models" in page.text


def test_a_history_that_cannot_be_read_leaves_the_rest_of_the_page(client: TestClient, daemon: SimpleNamespace) -> None:
    daemon.store.trouble = "history.db is locked. Is another mmied running?"

    for address, kept in (("/", "4.71 ms"), ("/models/ranker", "27,200 tokens/s"), ("/hardware", "NVIDIA H200")):
        page = client.get(address)
        assert page.status_code == 503
        assert "history.db is locked" in page.text
        assert kept in page.text
    assert client.get("/runs/ranker-0335").status_code == 503
    assert client.get("/daemon").status_code == 200


def test_an_empty_history_is_no_trouble(client: TestClient, daemon: SimpleNamespace) -> None:
    daemon.store.by_scenario, daemon.store.runs, daemon.store.samples, daemon.store.ledger = {}, (), (), ()

    for address in ("/", "/models/ranker", "/hardware"):
        assert client.get(address).status_code == 200
    assert "No run gave figures in the last 7d" in client.get("/models/ranker").text


def test_a_bug_is_answered_without_its_details(daemon: SimpleNamespace) -> None:
    def broken() -> Any:
        raise ZeroDivisionError("secret")

    app = create_app(
        store=daemon.store,
        artifacts=daemon.artifacts,
        status=broken,
        expose=lambda *, openmetrics: b"",
        ready=lambda: True,
    )

    with TestClient(app, raise_server_exceptions=False) as client:
        page = client.get("/")

    assert page.status_code == 500
    assert "content-security-policy" in page.headers
    assert "secret" not in page.text
    assert "journalctl" in page.text


def test_the_probes_tell_life_from_readiness(client: TestClient, daemon: SimpleNamespace) -> None:
    assert client.get("/-/ready").status_code == 200
    daemon.ready = False
    assert client.get("/-/ready").status_code == 503
    assert client.get("/-/healthy").status_code == 200


def test_static_files_are_kept_for_ever_under_an_address_that_changes_with_them(client: TestClient) -> None:
    html = client.get("/models/ranker").text
    addresses = re.findall(r'(?:src|href)="(/static/[^"]+)"', html)

    assert len(addresses) >= 5
    for address in addresses:
        kept = client.get(address)
        assert kept.status_code == 200
        assert "immutable" in kept.headers["cache-control"]
    assert "immutable" not in client.get("/static/mmied.css").headers["cache-control"]
    assert client.get("/").headers["cache-control"] == "no-store"


def test_the_heavy_script_is_loaded_only_where_there_are_charts(client: TestClient) -> None:
    assert "plotly.min.js" in client.get("/hardware").text
    assert "plotly.min.js" not in client.get("/").text


def test_fifty_models_are_drawn_within_a_tenth_of_a_second_and_asked_for_once(
    client: TestClient, daemon: SimpleNamespace, make: SimpleNamespace
) -> None:
    models = tuple(make.model(f"model-{number}") for number in range(50))
    daemon.status = make.status(models=models)
    points = daemon.store.by_scenario["ranker", "b1"][-40:]
    daemon.store.by_scenario = {(model.name, work.scenario): points for model in models for work in make.workloads}

    times = []
    for _ in range(6):
        began = time.perf_counter()
        page = client.get("/").text
        times.append(time.perf_counter() - began)

    assert page.count("<polyline") >= 150
    assert daemon.store.queries == 150 + 6  # six times the events; a sparkline is kept until its model has run again
    assert min(times) < 0.1
