"""What is written into files and the history."""
