"""How long does a call take on the GPU alone? The call captured as a CUDA graph and replayed, free of launch cost."""

from statistics import median

import torch

from mmied.bench.timing import Call

WARM_UP_CALLS = 3
REPLAYS = 50


def profile(call: Call, device: str) -> float | None:
    """Return the median seconds of a replay; None for a model that cannot be captured.

    A model cannot be captured when it synchronizes, copies to the host or takes its shapes from its data. Its plain
    latency stands all the same.
    """
    stream = torch.cuda.Stream(device)
    try:
        stream.wait_stream(torch.cuda.current_stream(device))
        with torch.cuda.stream(stream):
            for _ in range(WARM_UP_CALLS):
                call()
        torch.cuda.current_stream(device).wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            call()
        return _replay(graph, device)
    except RuntimeError:
        torch.cuda.synchronize(device)
        return None


def _replay(graph: torch.cuda.CUDAGraph, device: str) -> float:
    times: list[float] = []
    for _ in range(REPLAYS):
        start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        start.record()
        graph.replay()
        end.record()
        torch.cuda.synchronize(device)
        times.append(start.elapsed_time(end) / 1e3)
    return median(times)
