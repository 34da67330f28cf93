"""Attention weights are those that the model computes, and the model is the same afterwards."""

from typing import Any

import pytest
import torch
from targets import Odd, target
from torch import nn

from mmied.bench.profilers import attention
from mmied.inspection import Attention


def look(model: Any, *args: Any, **kwargs: Any) -> tuple[Attention, ...]:
    with torch.inference_mode():
        return attention.profile(target(model, *args, **kwargs))


def encoder(layers: int = 2, heads: int = 4) -> nn.Module:
    layer = nn.TransformerEncoderLayer(32, heads, 64, dropout=0.0, batch_first=True)
    return nn.TransformerEncoder(layer, layers, enable_nested_tensor=False).eval()


def test_weights_are_those_of_the_first_sample() -> None:
    model = nn.MultiheadAttention(32, 4, batch_first=True).eval()
    x = torch.randn(3, 6, 32)
    with torch.inference_mode():
        _, expected = model(x, x, x, average_attn_weights=False)

    (found,) = look(model, x, x, x)

    assert found.layer == ""
    assert (found.heads, found.queries, found.keys) == (4, 6, 6)
    assert torch.tensor(found.weights) == pytest.approx(expected[0], abs=1e-5)


def test_each_query_spends_a_whole() -> None:
    found = look(encoder(), torch.randn(2, 6, 32))

    assert [each.layer for each in found] == ["layers.0.self_attn", "layers.1.self_attn"]
    assert all(sum(row) == pytest.approx(1, abs=1e-3) for each in found for head in each.weights for row in head)


def test_a_mask_shows() -> None:
    mask = nn.Transformer.generate_square_subsequent_mask(6)

    (first, _) = look(encoder(), torch.randn(2, 6, 32), mask=mask, is_causal=True)

    assert all(weight == 0 for head in first.weights for row, query in enumerate(head) for weight in query[row + 1 :])


def test_the_model_computes_what_it_did() -> None:
    class Asks(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.attention = nn.MultiheadAttention(32, 4)
            self.given: list[Any] = []

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            self.given = [
                self.attention(x, x, x, need_weights=False),
                self.attention(x, x, x),
                self.attention(x, x, x, None, True, None, False),
            ]
            return x

    model, x = Asks().eval(), torch.randn(6, 2, 32)
    with torch.inference_mode():
        model(x)
        (bare, none), (_, averaged), (_, by_head) = model.given

        attention.profile(target(model, x))

    (output, nothing), (_, mean), (_, heads) = model.given
    assert nothing is none is None
    torch.testing.assert_close(output, bare)
    torch.testing.assert_close(mean, averaged)
    torch.testing.assert_close(heads, by_head)


@pytest.mark.parametrize("own", [True, False])
def test_forward_is_the_models_own_again(own: bool) -> None:
    model = encoder(1)
    layer = model.layers[0].self_attn
    if own:
        layer.forward = layer.forward
    before = layer.__dict__.get("forward")

    look(model, torch.randn(2, 6, 32))
    assert layer.__dict__.get("forward") is before

    with pytest.raises(AssertionError, match="embedding dim"):
        look(model, torch.randn(2, 6, 31))
    assert layer.__dict__.get("forward") is before
    assert torch.backends.mha.get_fastpath_enabled()


def test_large_attention_is_cut_and_says_so() -> None:
    found = look(encoder(layers=14, heads=32), torch.randn(1, 300, 32))

    assert len(found) == attention.MAX_LAYERS
    assert {(each.heads, each.queries, each.keys) for each in found} == {(32, 300, 300)}
    assert all(len(each.weights) == attention.MAX_HEADS for each in found)
    assert sum(len(head) * len(head[0]) for each in found for head in each.weights) <= attention.MAX_WEIGHTS


def test_a_module_that_is_called_twice_tells_of_its_first_call() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.attention = nn.MultiheadAttention(32, 4)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            self.attention(x, x, x)
            return self.attention(x[:3], x[:3], x[:3])[0]

    (found,) = look(Twice(), torch.randn(6, 2, 32))

    assert found.queries == 6


def test_a_compiled_model_shows_its_weights_and_stays_compiled() -> None:
    model = encoder(1)
    calls: list[int] = []

    def backend(graph: Any, inputs: Any) -> Any:
        return lambda *args: (calls.append(1), graph.forward(*args))[1]

    compiled = torch.compile(model, backend=backend)
    x = torch.randn(2, 6, 32)

    (found,) = look(compiled, x)
    assert (found.layer, found.queries) == ("_orig_mod.layers.0.self_attn", 6)
    assert calls == []

    with torch.inference_mode():
        compiled(x)
    assert calls


def test_models_without_attention_have_none_and_are_not_called() -> None:
    class Never(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            raise AssertionError("was called")

    assert look(Never(), torch.randn(1, 1)) == ()
    assert look(Odd(), x=torch.randn(1, 8)) == ()
    assert look(lambda x: x, torch.randn(1, 1)) == ()
