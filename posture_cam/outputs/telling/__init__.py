"""What speaks to the user besides window and terminal."""
