"""Outputs that reach the user outside of window and terminal."""
