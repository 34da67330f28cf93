"""Judge what was measured: numbers in, records out; no clock, no disk, no torch."""
