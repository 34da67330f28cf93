"""Pictures show the data: what is measured stands in the axes, by name, and files are the same every time."""

import json
import math
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text
from profile_builders import (
    B1,
    B8,
    MEGABYTE,
    bare_profile,
    cuda_profile,
    make_attention,
    make_calls,
    make_comparison,
    make_inspection,
    make_layers,
    make_profile,
    make_timeline,
    make_usage,
    make_workload_result,
    sweep_profile,
)

from mmied import codec
from mmied.errors import MmiedError
from mmied.inspection import Layer, Layers
from mmied.reports.frames import FlameGraph, Frame
from mmied.reports.kinds import COLOURS
from mmied.reports.pictures import draw_attention, draw_comparison, draw_profile, draw_training, save
from mmied.reports.pictures.architecture import MOST_BOXES, place_boxes
from mmied.reports.pictures.module_tree import Module, fold
from mmied.stats import summarize

DOCUMENT = (Path(__file__).parents[2] / "docs" / "pictures.md").read_text(encoding="utf-8")


def texts(figure: Figure) -> str:
    """All that is written in a figure."""
    return "\n".join(artist.get_text() for artist in figure.findobj(Text) if artist.get_visible())


def widths(figure: Figure, axes: int = 0) -> list[float]:
    """The lengths of horizontal bars, from the top."""
    return [patch.get_width() for container in figure.axes[axes].containers for patch in container]


def line_points(figure: Figure, axes: int = 0, line: int = 0) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in figure.axes[axes].lines[line].get_xydata()]


def modules(tree: Module) -> list[Module]:
    return [tree, *(inner for part in tree.parts for inner in modules(part))]


@pytest.fixture(scope="module")
def pictures() -> Mapping[str, Figure]:
    stages = {name: summarize(make_calls(each)) for name, each in (("preprocess", 0.004), ("total", 0.023))}
    return draw_profile(sweep_profile(stages=stages))


class TestOfAProfile:
    def test_there_is_one_for_each_thing_that_was_measured(self, pictures: Mapping[str, Figure]) -> None:
        assert list(pictures) == [
            "latency_distribution",
            "latency_ecdf",
            "batch_sweep",
            "stages",
            "memory_host",
            "layers",
            "architecture",
            "complexity",
            "operators",
            "categories",
            "attention_encoder.layers.0.self_attn",
            "hardware",
        ]

    def test_nothing_measured_nothing_drawn(self) -> None:
        assert draw_profile(bare_profile()) == {}

    def test_each_tells_of_which_model_it_is(self, pictures: Mapping[str, Figure]) -> None:
        for name, figure in pictures.items():
            assert "classifier" in texts(figure) or name.startswith("attention_")

    def test_the_histogram_counts_all_calls(self) -> None:
        figure = draw_profile(make_profile())["latency_distribution"]
        assert sum(patch.get_height() for patch in figure.axes[0].patches) == 500
        assert "p99 22.4 ms" in texts(figure)

    def test_few_calls_are_drawn_one_by_one(self) -> None:
        result = make_workload_result(B8, calls=make_calls(0.02, samples=5))
        figure = draw_profile(make_profile(results=(result,)))["latency_distribution"]
        assert len(line_points(figure)) == 5

    def test_a_long_tail_is_drawn_over_logarithms(self) -> None:
        result = make_workload_result(B8, calls=make_calls(0.02, tail=60.0))
        figures = draw_profile(make_profile(results=(result,)))
        assert figures["latency_distribution"].axes[0].get_xscale() == "log"
        assert figures["latency_ecdf"].axes[0].get_xscale() == "log"

    def test_the_ecdf_reaches_the_whole_at_the_slowest_call(self) -> None:
        profile = make_profile()
        points = line_points(draw_profile(profile)["latency_ecdf"])
        assert points[-1] == (pytest.approx(max(profile.results[0].iterations.wall_seconds)), 1.0)  # type: ignore[union-attr]

    def test_the_sweep_has_each_batch_size_and_its_knee(self, pictures: Mapping[str, Figure]) -> None:
        figure = pictures["batch_sweep"]
        assert [size for size, _ in line_points(figure)] == [1, 2, 4, 8, 16, 32]
        assert line_points(figure, axes=1)[3] == (8, pytest.approx(0.018))
        assert line_points(figure, line=1) == [(8, pytest.approx(8 / 0.018))]
        assert "knee: batch 8" in texts(figure)

    def test_a_single_batch_size_is_no_sweep(self) -> None:
        assert "batch_sweep" not in draw_profile(make_profile())

    def test_precisions_are_lines_of_their_own(self) -> None:
        half = [
            replace(result, workload=replace(result.workload, precision="bfloat16"))
            for result in sweep_profile().results
        ]
        figure = draw_profile(sweep_profile(results=(*sweep_profile().results, *half)))["batch_sweep"]
        legend = figure.axes[1].get_legend()
        assert legend is not None
        assert [text.get_text() for text in legend.get_texts()] == ["float32", "bfloat16"]

    def test_the_memory_curve_has_its_peak_named(self, pictures: Mapping[str, Figure]) -> None:
        figure = pictures["memory_host"]
        assert max(level for _, level in line_points(figure)) == 12 * MEGABYTE
        assert "peak 12.0 MB\naten::addmm in encoder.layers.1.linear1" in texts(figure)

    def test_layers_come_costliest_first_in_the_colours_of_their_kinds(self, pictures: Mapping[str, Figure]) -> None:
        figure = pictures["layers"]
        lengths = widths(figure)
        assert lengths == sorted(lengths, reverse=True)
        assert lengths[0] == pytest.approx(0.4 * 0.9 * 0.02 / 4)
        first = figure.axes[0].containers[0][0]
        assert matplotlib.colors.to_hex(first.get_facecolor()) == COLOURS["attention"]
        assert "encoder.layers.0.self_attn" in texts(figure)

    def test_layers_that_cannot_be_told_apart_are_not_ordered(self) -> None:
        inspection = make_inspection(layers=make_layers(told_apart=False))
        figures = draw_profile(make_profile(inspection=inspection))
        assert "layers" not in figures
        assert "cannot be told apart" in texts(figures["architecture"])

    def test_operators_and_kinds_tell_their_share(self, pictures: Mapping[str, Figure]) -> None:
        assert "10.4 ms, 52 % · 17 calls" in texts(pictures["operators"])
        assert widths(pictures["categories"])[0] == pytest.approx(0.52 * 0.02)

    def test_kernels_are_drawn_on_cuda(self) -> None:
        assert "ampere_sgemm_128x64_tn" in texts(draw_profile(cuda_profile())["kernels"])

    def test_only_hardware_that_was_seen_has_a_panel(self) -> None:
        seen = make_usage()
        without = replace(seen, host_cpu_ratio=(None,) * 60, gpu_power_watts=(None,) * 60)
        assert len(draw_profile(make_profile(usage=seen))["hardware"].axes) == 4
        assert len(draw_profile(make_profile(usage=without))["hardware"].axes) == 3

    def test_gaps_in_hardware_are_passed_over(self) -> None:
        usage = make_usage(samples=3, process_cpus=1.0)
        usage = replace(usage, resident_bytes=(100, None, 300))
        figure = draw_profile(make_profile(usage=usage))["hardware"]
        assert line_points(figure, axes=2) == [(0.0, 100.0), (1.0, 300.0)]

    def test_complexity_has_parameters_arithmetic_and_time(self, pictures: Mapping[str, Figure]) -> None:
        figure = pictures["complexity"]
        assert len(figure.axes) == 3
        assert sum(widths(figure, 0)) == pytest.approx(make_layers().layers[0].parameters, rel=0.01)
        assert sum(widths(figure, 1)) == pytest.approx(268e6, rel=0.01)
        assert "encoder.layers.0–3.self_attn  ×4" in texts(figure)

    def test_a_flame_graph_is_as_wide_as_its_frames(self) -> None:
        frames = (
            Frame(name="classifier", category="module", self_seconds=0.0, parent=None),
            Frame(name="aten::addmm", category="matmul", self_seconds=0.03, parent=0),
            Frame(name="aten::relu", category="elementwise", self_seconds=0.01, parent=0),
        )
        graph = FlameGraph(
            model="classifier", profiler="torch", device="cpu", batch_size=8, calls=2, at=0.0, frames=frames
        )
        figure = draw_profile(bare_profile(), flame=graph)["flame"]
        spans = [path.get_extents() for path in figure.axes[0].collections[0].get_paths()]
        assert [round(span.width, 6) for span in spans] == [1.0, 0.75, 0.25]
        assert "aten::addmm" in texts(figure)


class TestArchitecture:
    def test_blocks_that_repeat_are_folded(self) -> None:
        tree = fold(make_layers(blocks=12), MOST_BOXES)
        assert tree is not None
        (block,) = (module for module in modules(tree) if module.kind == "TransformerEncoderLayer")
        assert (block.name, block.times) == ("encoder.layers.0–11", 12)
        assert block.seconds == pytest.approx(0.9 * 0.02)
        assert block.parameters == 12 * 527_104

    def test_folding_loses_nothing(self) -> None:
        tree = fold(make_layers(), MOST_BOXES)
        assert tree is not None
        assert sum(module.times for module in modules(tree)) == len(make_layers().layers)

    @pytest.mark.parametrize("most", [1, 2, 3, 7, 20])
    def test_there_are_never_more_boxes_than_wanted(self, most: int) -> None:
        parts = [
            Layer(name=f"part{index}", kind="Linear", parent=0, calls=1, seconds=1e-3 * index, parameters=index)
            for index in range(1, 40)
        ]
        root = Layer(name="", kind="Model", parent=None, calls=1, seconds=1.0, parameters=780)
        tree = fold(Layers(layers=(root, *parts), source="events", calls=1, call_seconds=1.0), most)
        assert tree is not None
        shown = modules(tree)
        assert len(shown) <= most
        if most > 2:
            assert "part39" in {module.name for module in shown}  # the costliest is kept
            assert sum(module.parameters for module in tree.parts) == 780

    def test_ten_thousand_tiny_layers_fit(self) -> None:
        parts = [
            Layer(name=str(index), kind=f"Kind{index % 7}", parent=0, calls=1, seconds=1e-6, parameters=index)
            for index in range(10_000)
        ]
        root = Layer(name="", kind="Sequential", parent=None, calls=1, seconds=0.02, parameters=10_000)
        layers = Layers(layers=(root, *parts), source="events", calls=1, call_seconds=0.02)
        figures = draw_profile(make_profile(inspection=make_inspection(layers=layers)))
        assert "others" in texts(figures["architecture"])
        assert len(figures["architecture"].axes[0].patches) <= MOST_BOXES

    def test_containers_that_are_never_called_have_the_time_of_their_parts(self) -> None:
        rows = (
            Layer(name="", kind="Model", parent=None, calls=1, seconds=0.02, self_seconds=0.0),
            Layer(name="list", kind="ModuleList", parent=0),
            Layer(name="list.0", kind="Linear", parent=1, calls=1, seconds=0.012, self_seconds=0.012),
            Layer(name="list.1", kind="ReLU", parent=1, calls=1, seconds=0.008, self_seconds=0.008),
        )
        tree = fold(Layers(layers=rows, source="events", calls=1, call_seconds=0.02), MOST_BOXES)
        assert tree is not None
        assert tree.parts[0].seconds == pytest.approx(0.02)

    def test_boxes_lie_within_their_wholes_and_do_not_overlap(self) -> None:
        tree = fold(make_layers(), MOST_BOXES)
        assert tree is not None
        boxes = {id(box.module): box for box in place_boxes(tree)}
        for module in modules(tree):
            outer, below = boxes[id(module)], 0.0
            for part in module.parts:
                inner = boxes[id(part)]
                assert outer.left < inner.left < inner.right < outer.right
                assert inner.top >= below
                below = inner.top + inner.height
                assert below <= outer.top + outer.height

    def test_without_times_the_colour_is_by_parameters(self) -> None:
        rows = tuple(replace(layer, seconds=None, self_seconds=None) for layer in make_layers().layers)
        inspection = make_inspection(layers=make_layers(layers=rows, source="none"))
        assert "share of the parameters" in texts(draw_profile(make_profile(inspection=inspection))["architecture"])


class TestOfAComparison:
    def test_there_are_bars_a_scatter_and_intervals(self) -> None:
        assert list(draw_comparison(make_comparison())) == ["metrics", "accuracy_speed", "speedup"]

    def test_a_variant_that_failed_is_named(self) -> None:
        for figure in draw_comparison(make_comparison()).values():
            assert "no figures: pruned" in texts(figure)

    def test_what_a_variant_was_not_measured_for_is_said(self) -> None:
        figure = draw_comparison(make_comparison())["metrics"]
        assert widths(figure, 0) == [0.0, pytest.approx(0.004), 0.0]
        assert "not measured" in texts(figure)

    def test_speedups_have_their_intervals(self) -> None:
        figure = draw_comparison(make_comparison())["speedup"]
        (segment,) = figure.axes[0].containers[0].lines[2][0].get_segments()
        assert [x for x, _ in segment] == [pytest.approx(0.96 * 1.52), pytest.approx(1.03 * 1.52)]
        assert "quantized, batch 8" in texts(figure)

    def test_accuracy_stands_over_the_latency_of_the_batch_that_all_had(self) -> None:
        figure = draw_comparison(make_comparison())["accuracy_speed"]
        places = [tuple(line.get_xydata()[0]) for line in figure.axes[0].lines if line.get_marker() == "o"]
        assert (pytest.approx(0.01), pytest.approx(0.917)) in places
        assert "batch 8" in texts(figure)

    def test_without_accuracy_there_is_no_scatter(self) -> None:
        report = make_comparison()
        plain = tuple(replace(variant, accuracy=None) for variant in report.variants)
        assert "accuracy_speed" not in draw_comparison(replace(report, variants=plain))

    def test_nothing_measured_nothing_drawn(self) -> None:
        assert draw_comparison(make_comparison(variants=(), ratios=())) == {}


class TestOfATraining:
    def test_training_and_validation_share_a_panel(self) -> None:
        history = [{"epoch": e, "loss": 1 / e, "val_loss": 2 / e, "accuracy": 0.1 * e} for e in (1, 2, 3)]
        figure = draw_training(history)
        assert [axes.get_ylabel() for axes in figure.axes] == ["loss", "accuracy"]
        assert line_points(figure) == [(1, 1), (2, 0.5), (3, pytest.approx(1 / 3))]
        assert line_points(figure, line=1)[0] == (1, 2)
        assert "lowest 0.667" in texts(figure)

    def test_nan_is_a_gap_and_missing_keys_are_passed_over(self) -> None:
        figure = draw_training([{"loss": 3.0}, {"loss": math.nan, "val_loss": 4.0}, {"loss": 1.0}])
        levels = [y for _, y in line_points(figure)]
        assert levels[0] == 3.0 and math.isnan(levels[1]) and levels[2] == 1.0
        assert line_points(figure, line=1) == [(2, 4)]

    def test_what_is_no_figure_is_passed_over(self) -> None:
        history: list[Mapping[str, Any]] = [{"loss": np.float32(0.5), "note": "warm-up", "best": True, "f1": None}]
        assert [axes.get_ylabel() for axes in draw_training(history).axes] == ["loss"]

    def test_a_wide_range_is_drawn_over_logarithms(self) -> None:
        figure = draw_training([{"learning_rate": 10.0**-power} for power in range(6)])
        assert figure.axes[0].get_yscale() == "log"

    @pytest.mark.parametrize("history", [[], [{}], [{"epoch": 1}], [{"loss": math.nan}]])
    def test_nothing_to_draw_says_what_to_give(self, history: list[Mapping[str, float]]) -> None:
        with pytest.raises(MmiedError, match="dictionary for each epoch"):
            draw_training(history)


class TestOfAttention:
    def test_each_head_has_its_panel(self) -> None:
        figure = draw_attention(make_attention(heads=4, tokens=6))
        images = [axes.images[0] for axes in figure.axes if axes.images]
        assert len(images) == 4
        assert np.asarray(images[0].get_array()).sum() == pytest.approx(6)

    def test_arrays_and_tensors_do_too(self) -> None:
        weights = np.full((5, 7), 1 / 7)
        figure = draw_attention(weights, title="Layer 3")
        assert np.asarray(figure.axes[0].images[0].get_array()).shape == (5, 7)
        assert "Layer 3" in texts(figure)

    def test_tokens_name_queries_and_keys(self) -> None:
        figure = draw_attention(np.eye(3), tokens=["the", "$cat$", "sat"])
        assert "\\$cat\\$" in [label.get_text() for label in figure.axes[0].get_yticklabels()]

    @pytest.mark.parametrize("weights", [np.zeros((2, 3, 4, 5)), np.zeros((0, 3)), "words", [[1.0], [1.0, 2.0]]])
    def test_what_is_no_attention_says_what_to_give(self, weights: object) -> None:
        with pytest.raises(MmiedError, match="by head, query and key"):
            draw_attention(weights)


class TestSaving:
    def test_names_are_text_in_an_svg(self, tmp_path: Path, pictures: Mapping[str, Figure]) -> None:
        (path,) = save({"layers": pictures["layers"]}, tmp_path, formats=("svg",))
        written = path.read_text(encoding="utf-8")
        assert "encoder.layers.0.self_attn" in written
        assert "MultiheadAttention" in written

    @pytest.mark.parametrize("kind", ["svg", "png", "pdf"])
    def test_the_same_figures_give_the_same_files(self, tmp_path: Path, kind: str) -> None:
        files = []
        for folder in ("one", "two"):
            figure = draw_training([{"loss": 1.0, "val_loss": 2.0}, {"loss": 0.5, "val_loss": 1.5}])
            files += save({"training": figure}, tmp_path / folder, formats=(kind,))
        assert files[0].read_bytes() == files[1].read_bytes()

    def test_files_are_named_after_their_figures(self, tmp_path: Path) -> None:
        figure = draw_training([{"loss": 1.0}])
        files = save({"attention_a/b c": figure, "..": figure}, tmp_path / "new", formats=["png", "pdf"])
        assert [path.name for path in files] == [
            "attention_a_b_c.png",
            "attention_a_b_c.pdf",
            "picture.png",
            "picture.pdf",
        ]
        assert all(path.stat().st_size > 1000 for path in files)

    def test_a_lone_figure_can_be_written(self, tmp_path: Path) -> None:
        assert save(draw_training([{"loss": 1.0}]), tmp_path)[0].name == "picture.png"

    def test_an_unknown_format_names_the_known_ones(self, tmp_path: Path) -> None:
        with pytest.raises(MmiedError, match=r'"gif" is not a format.*png, svg, pdf'):
            save({}, tmp_path, formats=("gif",))

    def test_a_folder_that_cannot_be_made_is_a_sentence(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        with pytest.raises(MmiedError, match=r"cannot write pictures into .*file"):
            save({}, tmp_path / "file")

    def test_global_settings_stay_as_they_were(self, tmp_path: Path) -> None:
        before = dict(matplotlib.rcParams)
        save({"training": draw_training([{"loss": 1.0}])}, tmp_path, formats=("svg",))
        assert dict(matplotlib.rcParams) == before


def test_names_with_dollars_are_no_formulas(tmp_path: Path) -> None:
    rows = tuple(replace(layer, name=layer.name.replace("encoder", "$x_{$y")) for layer in make_layers().layers)
    figures = draw_profile(make_profile("cost$_$", inspection=make_inspection(layers=make_layers(layers=rows))))
    assert save({name: figures[name] for name in ("layers", "architecture")}, tmp_path, formats=("svg",))


def test_a_timeline_without_memory_is_not_drawn() -> None:
    inspection = make_inspection(timelines=(make_timeline(peak_bytes=0),))
    assert "memory_host" not in draw_profile(make_profile(inspection=inspection))


def test_workloads_without_samples_are_not_drawn() -> None:
    results = (make_workload_result(B1, iterations=None), make_workload_result(B8))
    assert len(draw_profile(make_profile(results=results))["latency_distribution"].axes) == 1


def test_every_picture_of_a_profile_is_documented(pictures: Mapping[str, Figure]) -> None:
    for name in {*pictures, *draw_profile(cuda_profile()), *draw_comparison(make_comparison())}:
        assert f"`{'attention_<layer>' if name.startswith('attention_') else name}`" in DOCUMENT


def test_the_examples_of_the_document_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "encoder_profile.json").write_text(codec.to_json(make_profile(inspection=None)))
    for example in re.findall(r"```python\n(.*?)```", DOCUMENT, re.DOTALL):
        exec(compile(example, "docs/pictures.md", "exec"), {})
    assert {"latency_ecdf.svg", "latency_ecdf.png", "training.png"} <= {
        path.name for path in (tmp_path / "pictures").iterdir()
    }


def test_drawing_never_touches_pyplot() -> None:
    """Pyplot chooses a window system and keeps figures alive: neither belongs into a library or a service."""
    code = (
        "import sys; from mmied.reports.pictures import draw_training; draw_training([{'loss': 1.0}]);"
        "print('matplotlib.pyplot' in sys.modules, 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


def test_without_matplotlib_it_says_what_to_install() -> None:
    code = """
import json, sys
sys.modules["matplotlib"] = None  # as an import finds a package that is not there
import mmied.reports
from mmied.errors import MmiedError
said = []
for module in ("mmied.reports.pictures", "mmied.reports.pictures.training"):
    try:
        __import__(module)
    except MmiedError as error:
        said.append(str(error))
print(json.dumps(said))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    said = json.loads(done.stdout)
    assert len(said) == 2
    assert all("pip install 'mmied[pictures]'" in sentence for sentence in said)
