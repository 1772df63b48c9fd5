"""The public name of `systems.posekernel.lift`."""

import runpy

runpy.run_module(
  "bgm2pose_jax.systems.posekernel.lift",
  run_name="__main__",
  alter_sys=True,
)
