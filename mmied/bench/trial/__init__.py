"""Hold a candidate against the deployed baseline: each in a process of its own, their calls in turn."""
