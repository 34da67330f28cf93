"""Frames keep their time, whatever is merged, and a graph that is none is told from one that is."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmied.codec import from_json, to_json
from mmied.errors import MmiedError
from mmied.reports.frames import SMALL, FlameGraph, Frame, Stacks, merge_small, read_flamegraph, total_seconds
from mmied.reports.kinds import kind_of_operation


@st.composite
def trees(draw: st.DrawFn) -> tuple[Frame, ...]:
    frames = [Frame(name="root", category="other", self_seconds=draw(st.floats(0, 10)), parent=None)]
    frames += [
        Frame(
            name=draw(st.sampled_from("abcdef")) + str(index),
            category=draw(st.sampled_from(("matmul", "python", "other"))),
            self_seconds=draw(st.floats(0, 10)),
            parent=draw(st.integers(0, index - 1)),
            calls=draw(st.integers(0, 5)),
        )
        for index in range(1, draw(st.integers(1, 40)))
    ]
    return tuple(frames)


def graph_of(frames: tuple[Frame, ...], **changes: object) -> FlameGraph:
    facts = {"model": "ranker", "profiler": "torch", "device": "cpu", "batch_size": 1, "calls": 2, "at": 1.8e9}
    return FlameGraph(**(facts | {"frames": frames} | changes))  # type: ignore[arg-type]


@given(trees())
def test_the_own_times_add_up_to_the_total(frames: tuple[Frame, ...]) -> None:
    totals = total_seconds(frames)

    assert totals[0] == pytest.approx(math.fsum(frame.self_seconds for frame in frames))
    assert all(total >= frame.self_seconds for total, frame in zip(totals, frames, strict=True))


@given(trees(), st.integers(1, 20), st.floats(0, 1))
def test_merging_keeps_the_total_and_the_bound(frames: tuple[Frame, ...], limit: int, ratio: float) -> None:
    merged = merge_small(frames, limit=limit, smallest_ratio=ratio)

    assert total_seconds(merged)[0] == pytest.approx(total_seconds(frames)[0])
    assert len(merged) <= 2 * limit + 2
    assert sum(frame.name != SMALL for frame in merged) <= limit + 1


@given(trees())
def test_what_is_large_keeps_its_own_total(frames: tuple[Frame, ...]) -> None:
    merged = merge_small(frames, smallest_ratio=0.01)

    before = dict(zip((frame.name for frame in frames), total_seconds(frames), strict=True))
    after = dict(zip((frame.name for frame in merged), total_seconds(merged), strict=True))
    assert all(after[name] == pytest.approx(before[name]) for name in after if name != SMALL)


@given(trees())
def test_a_graph_survives_its_json(frames: tuple[Frame, ...]) -> None:
    graph = graph_of(frames)

    assert from_json(FlameGraph, to_json(graph)) == graph
    assert read_flamegraph(to_json(graph), "it") == graph


def test_ten_thousand_small_frames_are_one() -> None:
    stacks = Stacks("model")
    for index in range(10_000):
        stacks.spend(stacks.enter(0, f"layer {index}", "module"), 1e-6)

    merged = merge_small(stacks.frames(), limit=100)

    assert len(merged) == 101
    assert total_seconds(merged)[0] == pytest.approx(0.01)


def test_recursion_is_only_a_long_stack() -> None:
    stacks, at = Stacks("model"), 0
    for _ in range(4_000):
        at = stacks.enter(at, "f", "python")
        stacks.spend(at, 0.001)

    graph = graph_of(merge_small(stacks.frames()))

    assert read_flamegraph(to_json(graph), "it") == graph
    assert total_seconds(graph.frames)[0] == pytest.approx(4.0)


def test_siblings_of_one_name_are_one_frame() -> None:
    stacks = Stacks("model")
    for _ in range(3):
        stacks.spend(stacks.enter(0, "f", "python"), 1.0, calls=1)

    assert [(frame.self_seconds, frame.calls) for frame in stacks.frames()] == [(0.0, 0), (3.0, 3)]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[]", "not a FlameGraph"),
        ("{", "not a FlameGraph"),
        ('{"version":2,"kind":"flamegraph"}', "version"),
        ('{"version":1,"kind":"run"}', "kind"),
    ],
)
def test_a_file_of_another_kind_or_version_is_told(text: str, told: str) -> None:
    with pytest.raises(MmiedError, match=told) as caught:
        read_flamegraph(text, "old.json")
    assert "old.json" in str(caught.value)


@pytest.mark.parametrize("parent", [1, 2, -1, None])
def test_frames_that_are_no_tree_are_refused(parent: int | None) -> None:
    root = Frame(name="root", category="other", self_seconds=1.0, parent=None)
    frames = (root, Frame(name="f", category="other", self_seconds=1.0, parent=parent))

    with pytest.raises(MmiedError, match="no tree"):
        read_flamegraph(to_json(graph_of(frames)), "it")


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("aten::addmm", "matmul"),
        ("aten::_addmm_activation", "matmul"),
        ("aten::baddbmm", "matmul"),
        ("aten::linear", "matmul"),
        ("mkl_blas_def_sgemm_kernel_0_zen", "matmul"),
        ("void cutlass::Kernel2<cutlass_80_tensorop_s1688gemm_128x128>(Params)", "matmul"),
        ("aten::scaled_dot_product_attention", "attention"),
        ("aten::_transformer_encoder_layer_fwd", "attention"),
        ("flash_fwd_kernel", "attention"),
        ("aten::mkldnn_convolution", "convolution"),
        ("aten::native_layer_norm", "normalisation"),
        ("aten::_native_batch_norm_legit", "normalisation"),
        ("aten::relu_", "elementwise"),
        ("aten::add", "elementwise"),
        ("aten::_softmax", "elementwise"),
        ("aten::clamp_min", "elementwise"),
        ("aten::copy_", "memory"),
        ("aten::t", "memory"),
        ("aten::embedding", "memory"),
        ("Memcpy HtoD (Pageable -> Device)", "memory"),
        ("aten::_to_copy", "memory"),
        ("aten::_unsafe_view", "memory"),
        ("GOMP_parallel", "other"),
        ("void sort<T>(T*, int to, int index)", "other"),
    ],
)
def test_the_name_of_an_operation_tells_its_kind(name: str, kind: str) -> None:
    assert kind_of_operation(name) == kind
