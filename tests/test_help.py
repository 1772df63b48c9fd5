"""What every command says of itself, and of a command line it cannot use."""

from __future__ import annotations

import importlib
import os
import pathlib
import re
import subprocess
import sys

import pytest
from absl import flags

from bgm2pose_jax import __main__ as one_command
from bgm2pose_jax.base import common_flags, flag_errors, help_text

ROOT = pathlib.Path(__file__).parents[1]
# Where the commands lie that the public names run.
MODULES = {
  "compare": "bgm2pose_jax.commands.comparison",
  "predict": "bgm2pose_jax.systems.bgm2pose.predict.__main__",
  "stream": "bgm2pose_jax.systems.bgm2pose.stream.__main__",
  "refine": "bgm2pose_jax.systems.mapnet.refine.__main__",
  "lift": "bgm2pose_jax.systems.posekernel.lift.__main__",
  "export": "bgm2pose_jax.commands.export",
  "convert": "bgm2pose_jax.systems.bgm2pose.convert",
  "audit": "bgm2pose_jax.commands.audit",
  "simulate": "bgm2pose_jax.systems.bgm2pose.simulated.__main__",
  "align": "bgm2pose_jax.systems.bgm2pose.align.__main__",
  "doctor": "bgm2pose_jax.systems.bgm2pose.doctor.__main__",
  "extract": "bgm2pose_jax.systems.bgm2pose.ampl.extract",
  "prepare": "bgm2pose_jax.systems.bgm2pose.prepare",
  "response": "bgm2pose_jax.systems.bgm2pose.still_room.response_file",
  "kernel": "bgm2pose_jax.systems.posekernel.extraction.__main__",
  "cache": "bgm2pose_jax.commands.cache",
}
# These define their flags when they are imported.
AT_IMPORT = {"train": "bgm2pose_jax.main", "sweep": "launch.sweep.command"}


def told(name):
  """(what a command says of itself, its flags)."""
  if name in AT_IMPORT:
    module = importlib.import_module(AT_IMPORT[name])
    return getattr(module, "HELP", None) or module.make_help(), flags.FLAGS
  module = importlib.import_module(MODULES[name])
  values = flags.FlagValues()
  module.define_flags(values)
  return module.HELP, values


def test_every_command_is_looked_at():
  assert {*MODULES, *AT_IMPORT} == set(one_command.COMMANDS)


@pytest.mark.parametrize("name", sorted({*MODULES, *AT_IMPORT}))
def test_help_of_every_command(name):
  about, values = told(name)
  text = help_text.render(about, values, width=200)
  lines = text.splitlines()
  assert lines[0].startswith(f"Usage: bgm2pose {name}")
  assert max(map(len, lines)) < 100
  # An example keeps its lines.
  example = rf"^    (?:bgm2pose|python -m bgm2pose_jax) {name}\b"
  assert re.search(example, text, re.M)
  # Each flag of the command stands there once, with a text.
  named = re.findall(r"^  --(?:\[no\])?(\w+)", text, re.M)
  assert len(named) == len(set(named))
  grouped = [flag for group in about.groups.values() for flag in group]
  assert set(named) - set(grouped) == {
    *("help", "helpfull", "version", "quiet", "verbose", "flagfile"),
  }
  assert all(values[flag].help for flag in grouped)
  assert "None" not in text
  if not about.only:
    assert "Other flags" not in text
  narrow = help_text.render(about, values, width=1)
  assert max(map(len, narrow.splitlines())) <= 80


def test_every_flag_of_a_run_is_in_a_group():
  from bgm2pose_jax import main

  grouped = [n for names in main.make_help().groups.values() for n in names]
  assert sorted(grouped) == sorted(main.flag_names())


def test_a_group_cannot_name_a_flag_that_is_gone():
  values = flags.FlagValues()
  flags.DEFINE_string("there", None, "a text", flag_values=values)
  about = help_text.Help("x", "", {"Group": ("there", "gone")})
  with pytest.raises(KeyError, match="gone"):
    help_text.render(about, values)


def test_how_flags_are_shown():
  values = flags.FlagValues()
  where = {"flag_values": values}
  flags.DEFINE_enum("order", "b", ["a", "b"], "in turn", **where)
  flags.DEFINE_bool("check", True, "look first", **where)
  flags.DEFINE_float("offset_ms", 2.5, "later", **where)
  flags.DEFINE_integer("count", None, "how many", **where)
  flags.DEFINE_list("names", ["x", "y"], "who", **where)
  flags.DEFINE_string("data_dir", None, "where (default: here)", **where)
  flags.DEFINE_multi_string("file", [], "what", **where)
  names = ["order", "check", "offset_ms", "count", "names", "data_dir", "file"]
  text = help_text.render(help_text.Help("x", "", {"All": names}), values)
  for left, right in (
    ("--order=a|b", "in turn (default: b)"),
    ("--[no]check", "look first (default: on)"),
    ("--offset_ms=MS", "later (default: 2.5)"),
    ("--count=N", "how many"),
    ("--names=A,B,...", "who (default: x,y)"),
    ("--data_dir=DIR", "where (default: here)"),
    ("--file=FILE", "what; may be given several times"),
  ):
    assert f"  {left:<26}{right}\n" in text


@pytest.mark.parametrize(
  ("argument", "line"),
  [
    ("--chekpoint=x", "--chekpoint: no such flag; did you mean --checkpoint?"),
    ("--zzz", "--zzz: no such flag; see --help"),
    ("--left=-x", "--left=-x: is not a choice; did you mean"),
    ("--left=up", "--left=up: is not a choice; choose one of"),
    ("--hop_ms=soon", "--hop_ms=soon: invalid literal"),
    ("--hop_ms", "--hop_ms: has no value; write --hop_ms=VALUE"),
    ("--flagfile=/nosuch", "--flagfile: cannot be read"),
  ],
)
def test_flags_that_cannot_be_used(argument, line):
  _, values = told("predict")
  with pytest.raises(flags.Error) as caught:
    values(["predict", argument])
  found = str(flag_errors.explained(caught.value, values))
  assert found.startswith(line)
  assert "\n" not in found


def run_one(*words, module="bgm2pose_jax", **more):
  done = subprocess.run(
    [sys.executable, "-m", module, *words],
    capture_output=True,
    text=True,
    env={**os.environ, "PYTHONPATH": str(ROOT)},
    check=False,
    **more,
  )
  return done.returncode, done.stdout, done.stderr


def test_the_one_command(tmp_path):
  code, out, said = run_one()
  assert (code, said) == (0, "")
  for name in one_command.COMMANDS:
    assert f"\n  {name} " in out
  assert max(map(len, out.splitlines())) < 100
  assert run_one("--help") == (code, out, said)
  code, out, said = run_one("--version")
  assert (code, out.strip(), said) == (0, common_flags.version(), "")
  code, out, said = run_one("adit")
  assert (code, out) == (2, "")
  assert said == (
    "error: adit: no such command; did you mean bgm2pose audit?\n"
  )
  # By either name, a command has the same help and the same one line.
  for module, words in (
    ("bgm2pose_jax", ["audit"]),
    ("bgm2pose_jax.audit", []),
  ):
    code, out, said = run_one(*words, "--help", module=module)
    assert (code, said) == (0, "")
    assert out.startswith("Usage: bgm2pose audit --checkpoint=CHECKPOINT")
    code, out, said = run_one(*words, "--chekpoint=x", module=module)
    assert (code, out) == (2, "")
    assert said.endswith("did you mean --checkpoint?\n")
    code, out, said = run_one(*words, module=module)
    assert (code, out) == (2, "")
    assert said == "error: --checkpoint: is missing; see --help\n"


def test_a_sweep_is_found_from_any_folder(tmp_path):
  code, out, said = run_one("sweep", "--tabel=main", cwd=tmp_path)
  assert (code, out) == (2, "")
  assert said == "error: --tabel: no such flag; did you mean --table?\n"
