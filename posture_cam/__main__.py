"""Entry point of `posture-cam` and of `python -m posture_cam`."""

from posture_cam.cli import main

if __name__ == "__main__":
    main()
