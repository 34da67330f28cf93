"""Ways to serve a model that may be better: a function a file, joined to names in mmied.candidates."""
