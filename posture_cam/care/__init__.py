"""What posture_cam offers besides judging: tips, exercises, check-ins, programmes, the workspace."""
