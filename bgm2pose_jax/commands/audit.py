"""The public name of `state.audit`."""

import runpy

runpy.run_module(
  "bgm2pose_jax.state.audit",
  run_name="__main__",
  alter_sys=True,
)
