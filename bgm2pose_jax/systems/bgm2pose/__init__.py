"""BGM2Pose: 3D pose from background music in a room (arXiv 2503.00389)."""
