"""The public name of `inference.export`."""

import runpy

runpy.run_module(
  "bgm2pose_jax.inference.export",
  run_name="__main__",
  alter_sys=True,
)
