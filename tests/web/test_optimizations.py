"""The page of a model's candidates shows what stands and on what evidence, and marks what holds no more."""

import html as markup
import re
from dataclasses import replace
from types import SimpleNamespace

import pytest
from starlette.testclient import TestClient

from mmied.optimization import StandingVerdict

Candidates = tuple[StandingVerdict, ...]


def text_of(html: str) -> str:
    html = re.sub(r"(?s)<(script|style)\b.*?</\1>", " ", html)
    return " ".join(markup.unescape(re.sub(r"<[^>]+>", " ", html)).split())


def section(page: str, name: str) -> str:
    (found,) = re.findall(rf"(?s)<section>\s*<h2>{name}</h2>.*?</section>", page)
    return text_of(found)


def test_candidates_stand_by_verdict_with_figures_evidence_and_recipe(
    client: TestClient, candidates: Candidates
) -> None:
    page = client.get("/optimizations/ranker").text
    table = section(page, "Verdicts")

    order = ["bfloat16", "compile_freezing", "channels_last", "threads_1", "int8"]
    assert re.findall(r'<a href="#candidate-\d+">(\w+)</a>', page) == order
    assert "2.13× 2.08 to 2.18" in table
    assert "helps (fidelity only)" in table
    assert "-0.30 points" in table
    assert "1 h ago" in table
    evidence = section(page, "Evidence and recipes")
    assert "✓ worst cosine 0.9998, has to be at least 0.999" in evidence
    assert "Serving it takes a C++ compiler from now on." in evidence
    assert "accuracy 0.912 on 800 labelled samples, deployed 0.915; they differ on 4." in evidence
    assert (
        "mmied optimize --config /etc/mmied/mmied.yaml --name ranker --apply bfloat16 --output ranker-bfloat16"
        in evidence
    )
    assert "--apply threads_1" not in evidence, "no recipe for what does not help"
    assert "boom" in evidence
    assert "Pays back after 40.0 k calls" in evidence


def test_what_holds_no_more_is_told_apart_with_its_reason(client: TestClient, candidates: Candidates) -> None:
    page = client.get("/optimizations/ranker").text

    assert "onnxruntime ● helps (fidelity only) 1.98× the model's file changed since." in section(page, "Holds no more")
    assert "onnxruntime" not in section(page, "Verdicts")


def test_what_was_not_tried_is_folded_with_its_reasons(client: TestClient, candidates: Candidates) -> None:
    said = section(client.get("/optimizations/ranker").text, "Not tried")

    assert "openvino needs the package openvino." in said
    assert "aot_package the budget did not reach it." in said


def test_the_overview_and_the_model_say_what_would_help(client: TestClient, candidates: Candidates) -> None:
    assert "▲ 2.34× with bfloat16" in text_of(client.get("/").text)
    model = client.get("/models/ranker").text
    assert "bfloat16 helps, 2.34×; compile_freezing helps, 1.47×." in text_of(model)
    assert 'href="/optimizations/ranker"' in model
    assert 'href="/optimizations/ranker"' in client.get("/runs/search-2").text


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"phase": "3/12 compile"}, "A search is under way: 3/12 compile…"),
        ({"why": "the search failed: no space left", "consecutive_failures": 1}, "the search failed: no space left."),
    ],
)
def test_how_searches_stand_is_said(
    client: TestClient, daemon: SimpleNamespace, candidates: Candidates, changes: dict[str, object], said: str
) -> None:
    ranker, *others = daemon.status.models
    optimization = replace(ranker.optimization, **changes)
    daemon.status = replace(daemon.status, models=(replace(ranker, optimization=optimization), *others))

    for address in ("/optimizations/ranker", "/models/ranker"):
        assert said in text_of(client.get(address).text)


def test_a_model_that_is_never_searched_says_how_to_begin(client: TestClient) -> None:
    said = text_of(client.get("/optimizations/embedder").text)

    assert "They are off unless optimize.schedule says when" in said
    assert 'href="/optimizations/embedder"' not in client.get("/models/embedder").text


def test_a_model_that_is_not_there_is_not_found(client: TestClient) -> None:
    assert client.get("/optimizations/nobody").status_code == 404


def test_a_history_that_cannot_be_read_is_said(
    client: TestClient, daemon: SimpleNamespace, candidates: Candidates
) -> None:
    daemon.store.trouble = "locked"
    answer = client.get("/optimizations/ranker")

    assert answer.status_code == 503
    assert "The history cannot be read." in text_of(answer.text)


def test_the_recipe_calls_a_candidate_of_ones_own_by_its_import_path(
    client: TestClient, store: SimpleNamespace, candidates: Candidates
) -> None:
    own = replace(candidates[0].trial, candidate="shop.tricks.fast")
    store.trials = lambda model: (replace(candidates[0], trial=own),)

    assert "--apply shop.tricks:fast --output" in section(
        client.get("/optimizations/ranker").text, "Evidence and recipes"
    )
