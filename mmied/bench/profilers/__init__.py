"""One question about a model each: a file, a function."""
