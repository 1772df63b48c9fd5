"""Commands named `bgm2pose_jax.data.NAME`."""
