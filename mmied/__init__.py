"""Continuous production profiling of deployed PyTorch models."""

__version__ = "0.1.0"
