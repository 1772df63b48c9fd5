"""Commands that rewrite a position file."""

from __future__ import annotations

from pathlib import Path

from bgm2pose_jax.systems.bgm2pose.doctor.findings import command


def repair(path: Path, expression: str) -> str:
  """A command that rewrites a position file; `p` is [time, joint, 3]."""
  code = (
    "import sys; from bgm2pose_jax import poses; p ="
    " poses.read_position_csv(sys.argv[1]);"
    f" poses.write_position_csv(sys.argv[2], {expression})"
  )
  return run_python(code, path)


def run_python(code: str, path: Path) -> str:
  """A command that runs code, free of single quotes, on a position file."""
  return (
    command(f"python -c '{code}'", path, "fixed.csv")
    + ", and put fixed.csv in its place"
  )
