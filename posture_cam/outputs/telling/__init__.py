"""Outputs that reach the user outside the window and the terminal."""
