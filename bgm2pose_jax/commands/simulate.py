"""The public name of `systems.bgm2pose.simulated`."""

import runpy

runpy.run_module(
  "bgm2pose_jax.systems.bgm2pose.simulated",
  run_name="__main__",
  alter_sys=True,
)
