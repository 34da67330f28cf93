"""A model tells by which names it takes its inputs, or that it does not tell."""

from typing import Any

import torch

from mmied.bench.parameters import Parameters, parameters_of


class TwoInputs(torch.nn.Module):
    def forward(self, tokens: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        return tokens * mask


def test_names_of_inputs_are_known_of_eager_scripted_and_exported_models() -> None:
    model = TwoInputs()
    example = (torch.ones(2, 1), torch.ones(2, 1))
    known = Parameters(names=("tokens", "mask"))
    assert parameters_of(model) == known
    assert parameters_of(torch.jit.trace(model, example)) == known
    assert parameters_of(torch.export.export(model, example).module()) == known


def test_what_takes_any_name_and_what_does_not_tell_are_open() -> None:
    def takes_any(tokens: Any, /, mask: Any, *more: Any, scale: float = 1.0, **rest: Any) -> None:
        pass

    assert parameters_of(takes_any) == Parameters(names=("mask", "scale"), open=True)
    assert parameters_of(min) == Parameters(open=True)
