"""The verbs of the command line: a file and a function each, which returns the exit status."""
