"""Everything that touches a model: imports torch, runs in throw-away workers, is allowed to crash."""
