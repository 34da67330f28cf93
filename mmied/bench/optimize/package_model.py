"""A model compiled ahead by AOTInductor, callable and savable like the module that it was exported from."""

import io
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch.export import ExportedProgram

from mmied.bench.optimize.flat_model import FlatModel
from mmied.errors import ModelError


class PackageModel(FlatModel):
    """Holds the package's bytes, machine code among them; it is loaded at the first call, and again after copying."""

    runtime = "AOTInductor package"

    def __init__(self, package: bytes, *, device: str = "cpu", **facts: Any) -> None:
        super().__init__(**facts)
        self.package = package
        self.device = device
        self._loaded: Any = None

    def run(self, tensors: list[torch.Tensor]) -> list[torch.Tensor]:
        """Run the package."""
        if self._loaded is None:
            index = torch.device(self.device).index
            stream: Any = io.BytesIO(self.package)
            self._loaded = torch._inductor.aoti_load_package(stream, device_index=-1 if index is None else index)
        return list(self._loaded(*tensors))

    def artifact_bytes(self) -> int:
        """Return the bytes of the package."""
        return len(self.package)

    def __getstate__(self) -> dict[str, Any]:
        return vars(self) | {"_loaded": None}


def to_package(program: ExportedProgram, facts: Mapping[str, Any], device: str = "cpu") -> PackageModel:
    """Compile an exported program, its weights as constants. Raises ModelError where inductor cannot."""
    with tempfile.TemporaryDirectory(prefix="mmied-package-") as folder, torch.no_grad():
        path = Path(folder) / "model.pt2"
        try:
            torch._inductor.aoti_compile_and_package(
                program, package_path=str(path), inductor_configs={"freezing": True}
            )
        except OSError:
            raise  # a full disk is told as that
        except Exception as error:
            lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [""]
            raise ModelError(f"AOTInductor: {type(error).__name__}: {lines[0][:300]}") from error
        return PackageModel(path.read_bytes(), device=device, **facts)
