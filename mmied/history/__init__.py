"""The runs that were, on disk."""
