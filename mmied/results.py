"""Answer for a profile as its readers ask: by attributes with units in their names, and by the keys of a mapping."""
