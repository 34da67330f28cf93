"""The page of a profile says what was measured, what was not, and takes no name for markup."""

import json
import re
from dataclasses import replace

import pytest
from builders import make_failure
from profile_builders import (
    B8,
    B32,
    bare_profile,
    cuda_profile,
    make_attention,
    make_calls,
    make_inspection,
    make_layers,
    make_operators,
    make_profile,
    make_usage,
    make_workload_result,
    sweep_profile,
)

from mmied.inspection import NvtxRange
from mmied.profiles import Profile, Recommendation
from mmied.records import LatencySummary
from mmied.reports.frames import FlameGraph, Stacks
from mmied.reports.profile_page import profile_html

EVIL = '</script><script>alert(1)</script><img src=x onerror="alert(2)">'
SMALL_BYTES = 200_000
FIGURE = re.compile(r'<script type="application/json">(.*?)</script>', re.DOTALL)


def latency() -> LatencySummary:
    found = make_workload_result(B8).latency
    assert found is not None
    return found


def flames(name: str = "aten::addmm") -> FlameGraph:
    stacks = Stacks("classifier")
    stacks.spend(stacks.enter(0, name, "matmul"), 1.0, calls=2)
    return FlameGraph(
        model="classifier", profiler="torch", device="cpu", batch_size=8, calls=2, at=1.8e9, frames=stacks.frames()
    )


def said(page: str) -> str:
    """What the page says outside of scripts and styles, spaces and tags left out."""
    body = re.sub(r"<(script|style|iframe)\b.*?</\1>", " ", page, flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", body).split())


def test_the_first_screen_has_the_figures_that_matter() -> None:
    text = said(profile_html(sweep_profile(items_per_sample={"tokens": 128.0})))

    assert "classifier cpu · float32 · 2 threads · torchscript · on here" in text
    for figure in (
        "Latency p50 18.0 ms",
        "Latency p95 18.4 ms",
        "Latency p99 20.2 ms",
        "Throughput 444 samples/s 56,900 tokens/s",
        "Peak memory 60.0 MB of the host, 12.0 MB above the loaded model",
        "Parameters 4.67 M",
        "Size on disk 18.7 MB",
        "FLOPs of a call 268 M covers 94 % of the time",
    ):
        assert figure in text
    assert "Comparable with other runs; 0 % of the calls were contended." in text


def test_a_withheld_quantile_says_what_it_needs() -> None:
    few = make_workload_result(B8, calls=make_calls(samples=100))

    assert "Latency p99 withheld needs 459 samples, has 100" in said(profile_html(make_profile(results=(few,))))


def test_contended_figures_are_marked_as_not_comparable() -> None:
    result = make_workload_result(B8)
    unfit = replace(result, latency=replace(latency(), fit=False, contended_ratio=0.8))

    text = said(profile_html(make_profile(results=(unfit,))))

    assert "Contention left too little to stand on for b8" in text
    assert "Not comparable with other runs ; 80 % of the calls were contended." in text


def test_failures_of_workloads_and_passes_are_shown_plainly() -> None:
    profile = make_profile(
        results=(make_workload_result(B8), make_failure(B32, "out_of_memory")),
        inspection=make_inspection(operators=None, failures={"operators": "the profiler raised"}),
        notes=("the host was busy",),
    )

    text = said(profile_html(profile))

    assert "b32 failed: out_of_memory of the test" in text
    assert "The pass “operators” failed, so its figures are missing: the profiler raised" in text
    assert "the host was busy." in text


def test_recommendations_come_first_with_their_evidence() -> None:
    advice = Recommendation(
        rule="batch",
        title="Serve batches of 8",
        because="They give 2.7 times the throughput.",
        confirm="Run `mmied profile --batch-size 8`.",
        confidence="low",
        evidence={"latency_seconds": 0.018, "batch_size": 8},
    )

    page = profile_html(make_profile(recommendations=(advice,)))

    text = said(page)
    assert "Serve batches of 8 low confidence They give 2.7 times" in text
    assert "latency seconds 18.0 ms batch size 8" in text
    assert "<code>mmied profile --batch-size 8</code>" in page
    assert page.index("Serve batches of 8") < page.index("<h2>Figures</h2>")


def test_stages_and_own_metrics_are_listed() -> None:
    profile = make_profile(
        stages={"preprocess": latency(), "inference": latency(), "total": latency()},
        custom={"kept_ratio": 0.5, "note": "fine"},
    )

    text = said(profile_html(profile))

    assert "preprocess 20.0 ms" in text
    assert "kept_ratio 50 %" in text
    assert "note fine" in text


def test_layers_that_cannot_be_told_apart_and_changed_paths_are_flagged() -> None:
    layers = make_layers(told_apart=False, path_changed=True, source="hooks", notes=("27 layers ran fused",))

    text = said(profile_html(make_profile(inspection=make_inspection(layers=layers))))

    assert "their order means nothing" in text
    assert "ran another way than it is served" in text
    assert "Times from hooks around each module" in text
    assert "Note: 27 layers ran fused." in text
    assert "Layers that cost the most time" not in text


def test_kernels_transfers_and_ranges_are_shown_on_a_device() -> None:
    profile = cuda_profile()
    assert profile.inspection is not None
    assert profile.inspection.operators is not None
    operators = replace(profile.inspection.operators, ranges=(NvtxRange(name="decode", calls=3, seconds=0.001),))

    text = said(profile_html(replace(profile, inspection=replace(profile.inspection, operators=operators))))

    assert "ampere_sgemm_128x64_tn matmul 17 2.00 ms" in text
    assert "host to device 1 4.10 kB" in text
    assert "decode 3 1.00 ms" in text
    assert "Memory of the device during one call" in text


def test_without_graphs_the_page_is_small_and_draws_nothing() -> None:
    page = profile_html(sweep_profile(), flames(), graphs=False)

    assert len(page) < SMALL_BYTES
    assert "Plotly" not in page
    assert 'class="plot"' not in page
    assert "<iframe" not in page
    assert "encoder.layers.0" in page  # the tables stay


def test_without_details_the_tables_are_left_out() -> None:
    page = profile_html(sweep_profile(), details=False)

    assert 'class="plot"' in page
    for gone in ("<h2>Environment</h2>", 'id="layer-rows"', 'id="operator-rows"'):
        assert gone not in page
    assert "<h2>Figures</h2>" in page


def test_a_profile_of_nothing_is_a_page() -> None:
    text = said(profile_html(bare_profile()))

    assert "No workload was measured." in text
    assert "Latency p50 – not measured" in text


@pytest.mark.parametrize(
    "profile",
    [
        make_profile(EVIL),
        make_profile(notes=(EVIL,), custom={EVIL: EVIL}, stages={EVIL: latency()}),
        make_profile(inspection=make_inspection(layers=replace(make_layers(), notes=(EVIL,)), failures={EVIL: EVIL})),
        make_profile(inspection=make_inspection(attentions=(make_attention(EVIL),))),
        make_profile(
            inspection=make_inspection(
                operators=make_operators(((EVIL, EVIL, 1.0, 2, EVIL),)),
                layers=replace(
                    make_layers(),
                    layers=tuple(replace(each, name=EVIL, kind=EVIL, output=EVIL) for each in make_layers().layers),
                ),
            )
        ),
    ],
    ids=["model", "notes", "passes", "attention", "layers and operators"],
)
def test_no_name_becomes_markup_or_ends_a_script(profile: Profile) -> None:
    page = profile_html(profile, flames(EVIL))

    assert "<img src=x" not in page
    assert "<script>alert" not in page
    for figure in FIGURE.findall(page):  # each is whole, and plotly gets its tags as letters
        assert "<img" not in json.dumps(json.loads(figure))


def test_all_figures_are_json_without_words_that_json_lacks() -> None:
    page = profile_html(sweep_profile(usage=make_usage()))

    figures = [json.loads(figure, parse_constant=pytest.fail) for figure in FIGURE.findall(page)]

    assert len(figures) > 20
    assert all(figure["data"] for figure in figures)


def test_the_page_asks_nobody_for_anything() -> None:
    page = profile_html(sweep_profile(), flames())
    head = page[: page.index('<script type="text/plain" id="plotly">')]

    assert "default-src 'none'" in head
    assert not re.search(r"""(src|href)=["'](?!#|data:)""", head.replace("srcdoc=", ""))
    assert "url(" not in head


def test_the_same_hardware_is_not_drawn_twice() -> None:
    usage = make_usage()
    once = profile_html(make_profile(usage=usage, inspection=make_inspection(usage=usage)))
    twice = profile_html(make_profile(usage=usage, inspection=make_inspection(usage=make_usage(samples=61))))

    assert once.count("CPU of the host") < twice.count("CPU of the host")


def test_idle_disks_and_networks_are_a_word_and_no_chart() -> None:
    idle = make_usage(network_bytes_per_second=(0.0,) * 60)

    text = said(profile_html(make_profile(usage=idle, inspection=None)))

    assert "nothing was read, written or sent" in text
    assert "Disk and network" not in text


def test_ten_thousand_layers_make_a_page_that_opens() -> None:
    page = profile_html(make_profile(inspection=make_inspection(layers=make_layers(blocks=1_700))), graphs=False)

    assert "The 1,000 costliest of 10,204 layers. The JSON has them all." in said(page)
    assert len(page) < 3_000_000
