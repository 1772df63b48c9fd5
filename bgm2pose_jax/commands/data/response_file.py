"""The public name of `systems.bgm2pose.still_room.response_file`."""

import runpy

runpy.run_module(
  "bgm2pose_jax.systems.bgm2pose.still_room.response_file",
  run_name="__main__",
  alter_sys=True,
)
