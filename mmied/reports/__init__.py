"""Turn records into files for people and their tools; nothing here measures anything."""
