"""The public name of `systems.mapnet.refine`."""

import runpy

runpy.run_module(
  "bgm2pose_jax.systems.mapnet.refine",
  run_name="__main__",
  alter_sys=True,
)
