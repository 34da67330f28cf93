"""node_exporter reads the whole metrics or the old ones, never half a file."""

from pathlib import Path

import pytest
from builders import cuda_view, make_config, make_model, make_view
from collected import make_registry
from prometheus_client.parser import text_string_to_metric_families

from mmied.commands.textfile import write_textfile


def test_the_file_holds_all_metrics_and_may_be_read_by_all(tmp_path: Path) -> None:
    path = tmp_path / "mmied.prom"
    registry = make_registry(cuda_view)

    assert write_textfile(registry, path)
    assert path.read_bytes() == registry.render(openmetrics=False)
    assert path.stat().st_mode & 0o777 == 0o644
    assert [entry.name for entry in tmp_path.iterdir()] == ["mmied.prom"]


def test_a_file_is_replaced_and_not_written_over(tmp_path: Path) -> None:
    path = tmp_path / "mmied.prom"
    path.write_text("old")
    with path.open() as reader:
        assert write_textfile(make_registry(lambda: make_view(make_config(make_model()))), path)
        assert reader.read() == "old", "whoever reads it reads it whole"

    assert list(text_string_to_metric_families(path.read_text()))


def test_a_place_that_cannot_be_written_is_logged_and_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert not write_textfile(make_registry(cuda_view), tmp_path / "gone" / "mmied.prom")

    (record,) = caplog.records
    assert record.message == "textfile_not_written"


def test_a_name_that_is_taken_by_a_folder_leaves_no_draft(tmp_path: Path) -> None:
    (tmp_path / "mmied.prom").mkdir()

    assert not write_textfile(make_registry(cuda_view), tmp_path / "mmied.prom")
    assert [entry.name for entry in tmp_path.iterdir()] == ["mmied.prom"]
