"""BGM2Pose in JAX: 3D human pose from background music in a room."""
