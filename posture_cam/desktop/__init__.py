"""The desktop app: tray, cues on the screen and a window; a client of `posture-cam monitor --json`.

The camera, the model and the judgement live in a child process.  This package only shows what that process
says, and gives it commands (docs/formats.md).  Extra `desktop`.
"""
