"""Write the three models of the demonstration: `python -m mmied.bench.demo FOLDER`.

A small and a medium transformer encoder and a feed-forward baseline, randomly initialised, each in another form in
which models are deployed.
"""

import itertools
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn

SEQUENCE = 64
BATCH = 2  # of the example calls; a batch of one would be taken for a constant


class TransformerEncoder(nn.Module):
    """Token ids (batch, sequence) → encodings (batch, sequence, d_model)."""

    def __init__(self, *, vocabulary: int, d_model: int, heads: int, layers: int, feed_forward: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, d_model)
        self.position = nn.Parameter(torch.randn(SEQUENCE, d_model) * 0.02)
        layer = nn.TransformerEncoderLayer(d_model, heads, feed_forward, dropout=0.0, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        encoded: torch.Tensor = self.encoder(self.embedding(tokens) + self.position)
        return encoded


def feed_forward(sizes: Sequence[int]) -> nn.Module:
    """Return linear layers of the given sizes with ReLU between them: (batch, sizes[0]) → (batch, sizes[-1])."""
    layers: list[nn.Module] = []
    for size_in, size_out in itertools.pairwise(sizes):
        layers += [nn.Linear(size_in, size_out), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def write_models(folder: Path) -> None:
    """Write small.pt (TorchScript), medium.pt2 (torch.export) and baseline.safetensors (weights of `feed_forward`).

    Each appears under its name only when it is whole.
    """
    torch.manual_seed(0)
    small = TransformerEncoder(vocabulary=10_000, d_model=256, heads=4, layers=2, feed_forward=512).eval()
    medium = TransformerEncoder(vocabulary=30_000, d_model=512, heads=8, layers=6, feed_forward=2048).eval()
    baseline = feed_forward((512, 1024, 1024, 512, 512)).eval()
    with torch.no_grad():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # TorchScript is deprecated, and deployed
            traced = torch.jit.trace(small, torch.randint(10_000, (BATCH, SEQUENCE)))
        traced.save(folder / "small.pt.part")
        batch = torch.export.Dim("batch", min=1, max=1024)
        tokens = torch.randint(30_000, (BATCH, SEQUENCE))
        program = torch.export.export(medium, (tokens,), dynamic_shapes=({0: batch},))
    with (folder / "medium.pt2.part").open("wb") as file:
        torch.export.save(program, file)
    save_file(baseline.state_dict(), folder / "baseline.safetensors.part")
    for name in ("small.pt", "medium.pt2", "baseline.safetensors"):
        (folder / f"{name}.part").rename(folder / name)


if __name__ == "__main__":
    write_models(Path(sys.argv[1]))
