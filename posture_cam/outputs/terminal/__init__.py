"""Output printed for people."""
