"""Prometheus gets its metrics in the format that it asks for."""

from prometheus_client import CollectorRegistry, Gauge
from starlette.testclient import TestClient

PLAIN = {"Accept-Encoding": "identity"}


def test_metrics_are_text_unless_openmetrics_is_asked_for(client: TestClient) -> None:
    text = client.get("/metrics", headers=PLAIN)
    open_metrics = client.get("/metrics", headers=PLAIN | {"Accept": "application/openmetrics-text;version=1.0.0"})

    assert text.headers["content-type"].startswith("text/plain")
    assert "mmied_store_writes_total 3.0" in text.text
    assert open_metrics.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    assert open_metrics.text.endswith("# EOF\n")


def test_many_metrics_are_compressed_when_that_is_asked_for(client: TestClient, registry: CollectorRegistry) -> None:
    gauge = Gauge("mmied_test", "A gauge.", ["model"], registry=registry)
    for number in range(500):
        gauge.labels(f"model-{number}").set(number)

    compressed = client.get("/metrics", headers={"Accept-Encoding": "gzip"})
    refused = client.get("/metrics", headers={"Accept-Encoding": "gzip;q=0"})

    assert compressed.headers["content-encoding"] == "gzip"
    assert int(compressed.headers["content-length"]) < len(compressed.content) / 3
    assert "content-encoding" not in refused.headers
    assert refused.content == compressed.content


def test_few_metrics_are_not_compressed(client: TestClient) -> None:
    assert "content-encoding" not in client.get("/metrics", headers={"Accept-Encoding": "gzip"}).headers
