"""What a profile answers to whoever asks it from Python."""

from mmied.results.answers import Latency, MemoryBytes, Throughput, latency_of
from mmied.results.main import main_result, memory_of
from mmied.results.mapping import utilization_of
from mmied.results.result import ProfileResult

__all__ = [
    "Latency",
    "MemoryBytes",
    "ProfileResult",
    "Throughput",
    "latency_of",
    "main_result",
    "memory_of",
    "utilization_of",
]
