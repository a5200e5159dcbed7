"""Outputs: everything that carries results out of the program."""
