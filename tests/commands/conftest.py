"""A small model file and a data set with its labels, for commands that are run as a shell runs them."""

from pathlib import Path

import numpy as np
import pytest


@pytest.fixture(scope="session")
def linear(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with linear.pt (TorchScript, 4 inputs, 3 classes) and test.npz, whose labels it predicts wholly."""
    import torch

    folder = tmp_path_factory.mktemp("linear")
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 3)).eval()
    samples = torch.randn(40, 4)
    with torch.no_grad():
        torch.jit.trace(model, samples[:2]).save(folder / "linear.pt")
        labels = model(samples).argmax(1)
    (folder / "linear.pt").chmod(0o644)
    np.savez(folder / "test.npz", x=samples.numpy(), labels=labels.numpy())
    return folder
