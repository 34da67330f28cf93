"""A model that ONNX Runtime runs, callable and savable like the module that it was exported from."""

import io
import logging
import warnings
from typing import Any

import torch

from mmied.bench.optimize.export import FlatProgram
from mmied.bench.optimize.flat_model import FlatModel
from mmied.errors import ModelError

LIMIT_BYTES = 2 << 30  # of one protobuf message, which an .onnx file is
OPSET = 20


class OnnxModel(FlatModel):
    """Holds the .onnx file's bytes; the session is opened at the first call, and again after copying or unpickling."""

    runtime = "ONNX Runtime"

    def __init__(self, onnx: bytes, *, threads: int | None = None, **facts: Any) -> None:
        super().__init__(**facts)
        self.onnx = onnx
        self.threads = threads
        self._session: Any = None

    def run(self, tensors: list[torch.Tensor]) -> list[torch.Tensor]:
        """Run the session on the CPU."""
        session = self._open()
        names = [each.name for each in session.get_inputs()]
        values = {f"input_{index}": tensor for index, tensor in enumerate(tensors)}
        feed = {name: values[name].detach().cpu().contiguous().numpy() for name in names}
        return [torch.from_numpy(array) for array in session.run(None, feed)]

    def artifact_bytes(self) -> int:
        """Return the bytes of the .onnx file."""
        return len(self.onnx)

    def _open(self) -> Any:
        if self._session is None:
            import onnxruntime

            options = onnxruntime.SessionOptions()
            options.log_severity_level = 3  # errors; its warnings are about its own optimizations
            options.intra_op_num_threads = self.threads or torch.get_num_threads()
            options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # beside neighbours it starves
            self._session = onnxruntime.InferenceSession(self.onnx, options, providers=["CPUExecutionProvider"])
        return self._session

    def __getstate__(self) -> dict[str, Any]:
        return vars(self) | {"_session": None}


def to_onnx(exported: FlatProgram) -> bytes:
    """Return the ONNX file of an exported program. Raises ModelError where it has no form in ONNX."""
    count = len(exported.example)
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            program: Any = torch.onnx.export(
                exported.program,
                (),
                input_names=[f"input_{index}" for index in range(count)],
                dynamo=True,
                verbose=False,
                opset_version=OPSET,
            )
    except Exception as error:
        cause: BaseException = error  # whose text is advice in colours; what it stumbled over is at the root
        while cause.__cause__ is not None:
            cause = cause.__cause__
        lines = [line.strip() for line in str(cause).splitlines() if line.strip()] or [""]
        raise ModelError(f"torch.onnx.export: {type(cause).__name__}: {lines[0][:300]}") from error
    finally:
        logger.setLevel(level)
    proto = program.model_proto
    # Inferred shapes of the exporter disagree with those of ONNX Runtime's quantizer, which infers them again.
    proto.graph.ClearField("value_info")
    if proto.ByteSize() >= LIMIT_BYTES:
        raise ModelError(f"the ONNX file would have {proto.ByteSize()} bytes, and one file holds {LIMIT_BYTES}")
    buffer = io.BytesIO()
    buffer.write(proto.SerializeToString())
    return buffer.getvalue()
