"""Files handed to a cluster's own command, and what that command says."""

from __future__ import annotations

import collections
import os
import pathlib
import re
import shlex
import subprocess
import sys
from collections.abc import Sequence

from bgm2pose_jax.base.errors import InputError

_LAST_LINES = 20

# {command: (what it says, as a pattern, and what mends it)}; the first counts.
_FIXES: dict[str, tuple[tuple[str, str], ...]] = {
  "sbatch": (
    (
      "unrecognized option|invalid option|ambiguous",
      "correct the name in --engine_option, see `sbatch --help`",
    ),
    (
      "policy|SubmitJob",
      "submit fewer jobs (--group), or give another --engine_option=qos=... "
      "or account=...",
    ),
    (
      "array",
      "give the cluster's limit: --engine_option=max_array_size=N",
    ),
    (
      "account",
      "give --engine_option=account=... (see `sacctmgr show assoc`) and the "
      "--partition it may use",
    ),
    ("partition", "give one of `sinfo` with --partition"),
    ("qos", "give another --engine_option=qos=..."),
    ("time limit", "give another --time"),
    ("memory", "give another --engine_option=mem=..."),
    (r"gres|generic resource", "give another --gres, see `sinfo -o %G`"),
    (
      "node configuration|feature",
      "give what a node has: --cpus, --gres, --engine_option=mem=... or "
      "constraint=...",
    ),
    (
      "contact|connect|resolve",
      "run it where the controller of Slurm can be reached",
    ),
  ),
  "kubectl": (
    (
      "refused|unable to connect|no such host|timeout|timed out",
      "name a cluster that can be reached: `kubectl config use-context`",
    ),
    (
      'namespaces? ".*" not found|namespaces .*forbidden',
      "give another --engine_option=namespace=...",
    ),
    (
      "forbidden|unauthorized|logged in",
      "log in, or give an --engine_option=namespace=... you may use",
    ),
    ("quota", "give smaller --cpus and --engine_option=memory=..."),
  ),
  "sky": (
    (
      "no cloud|credential|not enabled|sky check",
      "see `sky check` for the clouds that can be used",
    ),
    (
      "no .*resource|not satisf|unavailab|no feasible",
      "give other --accelerators or --engine_option=infra=...",
    ),
  ),
}
_ELSE = {
  "sbatch": "correct the flags of Slurm and --engine_option",
  "kubectl": "correct the flags of Kubernetes and --engine_option",
  "sky": "correct the flags of SkyPilot and --engine_option",
}


def write(path: pathlib.Path, text: str) -> None:
  """Writes a file that its owner alone can read: it may hold secrets."""
  # A new file: one that was open to others may be held open.
  path.unlink(missing_ok=True)
  number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
  with open(number, "w", encoding="utf-8") as file:
    file.write(text)


def run(words: Sequence[str], *, done: str = "", streams: bool = False) -> str:
  """Runs a cluster's command.

  Args:
    words: the command.
    done: what was done before and stands, for the message.
    streams: shows what it prints while it runs.

  Returns:
    What it printed.

  Raises:
    InputError: there is no such command or it fails, with its own words.
  """
  tool, command = words[0], f"`{shlex.join(words)}`"
  try:
    code, said, printed = _run(words, streams)
  except FileNotFoundError:
    raise InputError(
      command,
      f"there is no {tool} here",
      f"install {tool}, or run it where {tool} is",
    ) from None
  except OSError as error:
    raise InputError(
      command, f"{tool} cannot be run ({error.strerror})", "mend that first"
    ) from None
  if code:
    after = f"{done}; " if done else ""
    raise InputError(
      command,
      f"{tool} ended with {code}: {said or 'it printed nothing'}",
      f"{after}{_fix(tool, said)}",
    )
  return printed


def _run(words: Sequence[str], streams: bool) -> tuple[int, str, str]:
  """Returns the exit code, what to quote of it, and what it printed."""
  if not streams:
    done = subprocess.run(
      words,
      stdin=subprocess.DEVNULL,
      capture_output=True,
      text=True,
      errors="replace",
      check=False,
    )
    printed = done.stdout.strip()
    return done.returncode, done.stderr.strip() or printed, printed
  last: collections.deque[str] = collections.deque(maxlen=_LAST_LINES)
  with subprocess.Popen(
    words,
    stdin=subprocess.DEVNULL,
    stdout=subprocess.PIPE,
    stderr=subprocess.STDOUT,
    text=True,
    errors="replace",
  ) as process:
    assert process.stdout is not None
    for line in process.stdout:
      sys.stdout.write(line)
      sys.stdout.flush()
      last.append(line)
  return process.returncode, "".join(last).strip(), ""


def _fix(tool: str, said: str) -> str:
  for pattern, fix in _FIXES.get(tool, ()):
    if re.search(pattern, said[-4000:], re.IGNORECASE):
      return fix
  return _ELSE.get(tool, "correct its flags")
