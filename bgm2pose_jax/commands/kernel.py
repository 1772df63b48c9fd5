"""The public name of `systems.posekernel.extraction`."""

import runpy

runpy.run_module(
  "bgm2pose_jax.systems.posekernel.extraction",
  run_name="__main__",
  alter_sys=True,
)
