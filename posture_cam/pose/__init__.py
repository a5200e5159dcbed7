"""From frames to landmarks."""
