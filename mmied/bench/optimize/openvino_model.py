"""A model that OpenVINO runs, callable and savable like the module that it was exported from."""

import sys
import tempfile
from pathlib import Path
from typing import Any

import torch

from mmied.bench.optimize.flat_model import FlatModel


def import_openvino() -> Any:
    """Return the module `openvino`, kept from telling its maker of each import and conversion over the network."""
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    import openvino

    return openvino


class OpenVinoModel(FlatModel):
    """Holds OpenVINO's two files as bytes; the model is compiled at the first call, and again after copying."""

    runtime = "OpenVINO"

    def __init__(
        self, xml: bytes, weights: bytes, *, precision: str = "f32", threads: int | None = None, **facts: Any
    ) -> None:
        super().__init__(**facts)
        self.xml, self.weights = xml, weights
        self.precision = precision  # unsaid, OpenVINO takes bfloat16 for float32 where the CPU has it
        self.threads = threads
        self._compiled: Any = None

    def run(self, tensors: list[torch.Tensor]) -> list[torch.Tensor]:
        """Run the compiled model on the CPU."""
        compiled = self._compile()
        feed = {index: tensor.detach().cpu().contiguous().numpy() for index, tensor in enumerate(tensors)}
        result = compiled(feed)
        # The arrays belong to the request, which writes into them again in its next call.
        return [torch.from_numpy(result[index].copy()) for index in range(len(compiled.outputs))]

    def artifact_bytes(self) -> int:
        """Return the bytes of both files."""
        return len(self.xml) + len(self.weights)

    def _compile(self) -> Any:
        if self._compiled is None:
            core = import_openvino().Core()
            threads = self.threads or torch.get_num_threads()
            settings = {"INFERENCE_PRECISION_HINT": self.precision, "INFERENCE_NUM_THREADS": threads}
            self._compiled = core.compile_model(core.read_model(self.xml, self.weights), "CPU", settings)
        return self._compiled

    def __getstate__(self) -> dict[str, Any]:
        return vars(self) | {"_compiled": None}


def to_bytes(model: Any) -> tuple[bytes, bytes]:
    """Return OpenVINO's description and weights of a model, the weights as they are."""
    openvino = import_openvino()
    with tempfile.TemporaryDirectory(prefix="mmied-openvino-") as folder:
        path = Path(folder) / "model.xml"
        openvino.save_model(model, path, compress_to_fp16=False)
        return path.read_bytes(), path.with_suffix(".bin").read_bytes()
