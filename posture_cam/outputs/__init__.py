"""What carries results out of the program."""
