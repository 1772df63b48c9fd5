"""Dataset builders; installed as `bgm2pose_jax.datasets`."""
