"""The one command: `bgm2pose COMMAND ...`, or `python -m bgm2pose_jax ...`.

Each command is a module that `python -m` runs too, with the same flags.
"""

from __future__ import annotations

import dataclasses
import os
import pathlib
import runpy
import sys
from collections.abc import Sequence

from bgm2pose_jax.base import command, common_flags, near_names, streams
from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.base.help_text import PROGRAM

_MAIN = "train"


@dataclasses.dataclass(frozen=True)
class Command:
  """One command.

  Attributes:
    module: what `python -m` calls it.
    about: what it does, in a few words.
  """

  module: str
  about: str


# {title: {name: command}}
GROUPS: dict[str, dict[str, Command]] = {
  "Train and compare": {
    _MAIN: Command("bgm2pose_jax.main", "train, evaluate, write the report"),
    "sweep": Command("launch.sweep", "many runs: the tables of a paper"),
    "compare": Command("bgm2pose_jax.comparison", "tables of a sweep's runs"),
  },
  "Use a trained network": {
    "predict": Command("bgm2pose_jax.predict", "poses from two sound files"),
    "stream": Command("bgm2pose_jax.stream", "poses from live sound"),
    "refine": Command(
      "bgm2pose_jax.refine", "precise poses of a violinist from poor ones"
    ),
    "lift": Command("bgm2pose_jax.lift", "metric poses from image and echoes"),
    "export": Command("bgm2pose_jax.export", "weights and StableHLO of a run"),
    "convert": Command("bgm2pose_jax.convert", "PyTorch weights, both ways"),
    "audit": Command("bgm2pose_jax.audit", "check that checkpoints are whole"),
  },
  "Make and check data": {
    "simulate": Command("bgm2pose_jax.simulate", "record in a simulated room"),
    "align": Command("bgm2pose_jax.align", "recording and music on one clock"),
    "doctor": Command("bgm2pose_jax.doctor", "check a folder of recordings"),
    "extract": Command("bgm2pose_jax.data.extract", "unpack AMPL's archives"),
    "prepare": Command(
      "bgm2pose_jax.data.prepare", "build the windows before training"
    ),
    "response": Command(
      "bgm2pose_jax.data.response_file", "measure the response of a still room"
    ),
    "kernel": Command("bgm2pose_jax.kernel", "sweeps, and kernels from echoes"),
    "cache": Command("bgm2pose_jax.cache", "list or shrink the caches"),
  },
}
COMMANDS = {name: each for group in GROUPS.values() for name, each in
            group.items()}  # fmt: skip


def overview() -> str:
  """Returns the text of `bgm2pose --help`."""
  lines = [
    f"Usage: {PROGRAM} COMMAND [flags]",
    "",
    "3D human pose from sound in a room.",
  ]
  for title, group in GROUPS.items():
    lines += ["", f"{title}:"]
    lines += [f"  {name:<10}{each.about}" for name, each in group.items()]
  lines += [
    "",
    "Examples:",
    f"  {PROGRAM} train --setting=single",
    f"  {PROGRAM} predict --checkpoint=RUN --recording=R.wav --music=M.flac",
    "",
    f"`{PROGRAM} COMMAND --help` lists the flags of a command. `{PROGRAM}`",
    "followed by flags alone trains. `python -m bgm2pose_jax` does the same.",
  ]
  return "\n".join(lines)


def _find(word: str) -> Command:
  """Returns the command of a name.

  Raises:
    InputError: there is none.
  """
  if word in COMMANDS:
    return COMMANDS[word]
  fix = near_names.did_you_mean(
    word, COMMANDS, f"see {PROGRAM} --help", f"{PROGRAM} "
  )
  raise InputError(word, "no such command", fix)


def _reach(module: str) -> None:
  """Lets a command beside the package be found from any folder.

  Raises:
    InputError: the package was installed without it.
  """
  top = module.partition(".")[0]
  root = pathlib.Path(__file__).resolve().parents[1]
  if top == __package__:
    return
  if not (root / top / "__init__.py").is_file():
    raise InputError(
      f"{PROGRAM} sweep",
      f"is not installed: the package has no folder {top}",
      "run it in a checkout of the repository, installed by pip install -e .",
    )
  # Also for the processes that it starts.
  before = os.environ.get("PYTHONPATH")
  os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(root), before]))
  sys.path.insert(0, str(root))


def run(argv: Sequence[str] | None = None) -> None:
  """Entry point of the installed command.

  Args:
    argv: the program and its arguments; None takes `sys.argv`.
  """
  words = list(sys.argv if argv is None else argv)[1:]
  streams.prepare()
  if words[:1] == ["help"]:
    words = [*words[1:2], "--help"]
  asked = common_flags.help_asked(["", *words[:1]])
  if not words or asked or words[0] in ("--version", "-version"):
    with streams.watched():
      is_version = bool(words) and not asked
      print(common_flags.version() if is_version else overview())
    return
  # Flags alone were all that the installed command took at first.
  name, *rest = words if not words[0].startswith("-") else [_MAIN, *words]
  with command.ending():
    found = _find(name)
    _reach(found.module)
  sys.argv = [f"{PROGRAM} {name}", *rest]
  runpy.run_module(found.module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
  run()
