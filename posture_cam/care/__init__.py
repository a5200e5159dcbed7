"""Tips, exercises, check-ins, programmes and the workspace."""
