"""Runs the command of the same name: a package hides it from `python -m`."""

import runpy

runpy.run_module(
  "bgm2pose_jax.commands.comparison", run_name="__main__", alter_sys=True
)
