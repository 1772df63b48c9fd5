"""Finished runs from Python: what `import bgm2pose_jax` offers by name."""
