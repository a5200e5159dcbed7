"""Many recordings, in one process or several, on one machine or several."""
