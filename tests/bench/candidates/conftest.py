"""Give each candidate a process that looks fresh: what it sets for all of torch is put back after the test."""

import warnings
from collections.abc import Iterator

import pytest
import torch


@pytest.fixture(autouse=True)
def fresh_process() -> Iterator[None]:
    import torch._inductor.config as inductor

    torch.manual_seed(0)
    threads, freezing = torch.get_num_threads(), inductor.freezing
    backends = torch.backends
    precisions = backends.mkldnn.matmul.fp32_precision, backends.mkldnn.conv.fp32_precision
    kernels = {name: getattr(backends.cuda, f"{name}_enabled")() for name in ("flash_sdp", "mem_efficient_sdp")}
    kernels |= {name: getattr(backends.cuda, f"{name}_enabled")() for name in ("cudnn_sdp", "math_sdp")}
    torch.set_num_threads(1)
    with warnings.catch_warnings():
        # Extension modules of OpenVINO and ONNX are built by SWIG and tell so once in a process.
        warnings.filterwarnings("ignore", message=".*(SwigPy|swigvarlink).*")
        yield
    torch.set_num_threads(threads)
    inductor.freezing = freezing
    backends.mkldnn.matmul.fp32_precision, backends.mkldnn.conv.fp32_precision = precisions
    for name, enabled in kernels.items():
        getattr(backends.cuda, f"enable_{name}")(enabled)
    torch._dynamo.reset()
