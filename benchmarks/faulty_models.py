"""Write the models of benchmarks/planted_faults.py: a network as it is deployed, and the same with something wrong.

`python faulty_models.py FAULT FILE` writes TorchScript, `weights FILE` and `corrupted FILE` safetensors.
"""

import sys
import warnings
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import nn

WIDTH, LAYERS, BATCH = 768, 6, 8


class Network(nn.Module):
    """Linear layers with a normalisation over the batch in the middle: (batch, WIDTH) → (batch, WIDTH)."""

    def __init__(self, layers: int = LAYERS, *, upcast: int = 0) -> None:
        super().__init__()
        self.first = nn.ModuleList(nn.Linear(WIDTH, WIDTH) for _ in range(layers // 2))
        self.norm = nn.BatchNorm1d(WIDTH)
        self.second = nn.ModuleList(nn.Linear(WIDTH, WIDTH) for _ in range(layers - layers // 2))
        self.upcast = upcast
        for layer in [*self.second][:upcast]:
            layer.double()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for layer in self.first:
            x = torch.relu(layer(x))
        x = self.norm(x)
        for index, layer in enumerate(self.second):
            x = layer(x.double()).float() if index < self.upcast else layer(x)
            x = torch.relu(x)
        return x


class Leaking(nn.Module):
    """Keeps a little of what it makes in each call."""

    def __init__(self) -> None:
        super().__init__()
        self.network = torch.jit.trace(Network().eval(), torch.randn(BATCH, WIDTH))
        self.kept: list[torch.Tensor] = [torch.zeros(1)]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.network(x)
        self.kept.append(y.repeat(4, 1))  # 96 kB; a constant would be made once
        return y


def write(fault: str, file: Path) -> None:
    """Write a model whole or not at all."""
    torch.manual_seed(0)
    draft = file.with_suffix(".part")
    if fault in ("weights", "corrupted"):
        state = {name: value.contiguous() for name, value in Network().state_dict().items()}
        if fault == "corrupted":
            weight = state["second.0.weight"]
            weight[WIDTH // 2] = 8.0  # one row of one layer
        save_file(state, draft)
    else:
        torch.jit.save(scripted(fault), draft)
    draft.rename(file)


def scripted(fault: str) -> Any:
    """Return a network in TorchScript. Raises KeyError for a fault that is none."""
    if fault == "leak":
        return torch.jit.script(Leaking())
    made = {
        "good": lambda: Network().eval(),
        "slower-layer": lambda: Network(LAYERS + 1).eval(),
        "doubled": lambda: Network(2 * LAYERS).eval(),
        "upcast": lambda: Network(upcast=1).eval(),
        "train-mode": lambda: Network().train(),
    }
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.jit.trace(made[fault](), torch.randn(BATCH, WIDTH), check_trace=False)


def network() -> nn.Module:
    """Return the network without weights: what a source names as its factory."""
    return Network().eval()


class OnLibrary(nn.Module):
    """A network that calls somebody's library in the middle."""

    def __init__(self) -> None:
        super().__init__()
        self.network = Network().eval()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        import planted_library

        return self.network(planted_library.prepared(x))


def on_library() -> nn.Module:
    """Return a network that depends on the library planted_library."""
    return OnLibrary().eval()


if __name__ == "__main__":
    write(sys.argv[1], Path(sys.argv[2]))
