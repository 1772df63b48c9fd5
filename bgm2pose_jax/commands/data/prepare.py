"""The public name of `systems.bgm2pose.prepare`."""

import runpy

runpy.run_module(
  "bgm2pose_jax.systems.bgm2pose.prepare",
  run_name="__main__",
  alter_sys=True,
)
