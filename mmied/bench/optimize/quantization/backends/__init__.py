"""The ways to quantize a model, one file each; `table` joins names to them."""
