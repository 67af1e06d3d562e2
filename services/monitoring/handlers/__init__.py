"""Use cases: load, decide, save, each a few lines."""
