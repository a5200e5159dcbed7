"""posture_cam: see how a person sits at a desk, and help them sit better."""

__version__ = "0.1.0"
