"""Outputs written into files and the history."""
