"""Public commands: `python -m bgm2pose_jax.NAME` runs the file NAME here."""
