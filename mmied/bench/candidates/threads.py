"""Another number of compute threads, or another way for them to wait: no model changes, and the host feels it."""

import os
from typing import Any

import torch

from mmied.bench.trial.context import Applied, Context
from mmied.bench.trial.protocol import NotApplicable


def apply(model: Any, context: Context, *, threads: int) -> Applied:
    """Compute with `threads` threads; 0 is as many as there are CPUs for this process."""
    cpus = len(os.sched_getaffinity(0))
    wanted = threads or cpus
    if wanted == context.threads:
        raise NotApplicable(f"the model is served with {context.threads} threads already")
    if wanted > cpus:
        raise NotApplicable(f"{wanted} threads for {cpus} CPUs")
    torch.set_num_threads(wanted)
    return Applied(
        call=model, changed={"threads": abs(wanted - context.threads)}, notes=(f"torch.set_num_threads({wanted})",)
    )


def wait_policy(model: Any, context: Context, *, policy: str) -> Applied:
    """Serve under OMP_WAIT_POLICY=`policy`, which the process was started with: OpenMP reads it once."""
    if context.threads == 1:
        raise NotApplicable("one thread waits for no other")
    if context.wait_policy == policy:
        raise NotApplicable(f"the model is served under OMP_WAIT_POLICY={policy} already")
    assert os.environ.get("OMP_WAIT_POLICY") == policy
    return Applied(
        call=model, changed={"variables": 1}, notes=(f"OMP_WAIT_POLICY={policy} in the server's environment",)
    )
