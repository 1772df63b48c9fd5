"""Gives every reader and every command broken and hostile inputs.

  python -m tests.hostile.check --cases=1000
  python -m tests.hostile.check --cases=1000 --run=runs/RUN --json=found.json

An input is in order when it is refused in one line that names it, or is read
where it may be: no traceback, no more than 1.5 GiB for a reader and 2 GiB for
a command, no end that does not come, nothing written outside the output
folder. `--cases` damages that many good files at random besides those made by
hand; commands that need a trained network are started with `--run` alone.
Exit code 0 when nothing is wrong, else 1.
"""

from __future__ import annotations

import os
import pathlib
import tempfile
from collections.abc import Iterator

from absl import flags

from launch.bench import harness
from tests.hostile import attempt, commands, lists, readers
from tests.hostile.attempt import Outcome

_CASES = flags.DEFINE_integer("cases", 1000, "good files to damage", 1)
_SEED = flags.DEFINE_integer("seed", 0, "of the damages")
_STARTED = flags.DEFINE_integer(
  "started", 12, "commands started as users do; the others are copies", 0
)
_RUN = flags.DEFINE_string("run", None, "folder of a trained network")
_COMMANDS = flags.DEFINE_bool("commands", True, "also start commands")

_READER_BYTES = 3 << 29


def run_commands(
  run: pathlib.Path | None, started: int
) -> Iterator[tuple[Outcome, int]]:
  """Starts all commands, in one folder that is thrown away.

  Args:
    run: folder of a trained network, or None.
    started: how many of them as processes of their own.

  Yields:
    What came of each, and the most memory it had in MiB.
  """
  with tempfile.TemporaryDirectory(prefix="hostile-") as place:
    work = pathlib.Path(place)
    lists.make_folder(work, run)
    commands.know(work)
    listed = lists.commands(run is not None)
    every = max(len(listed) // started, 1) if started else len(listed) + 1
    for one in listed[::every][:started]:
      ended = commands.start(one, work)
      yield _outcome(one, ended, work, "started")
    for one, ended in commands.copies(listed, work):
      yield _outcome(one, ended, work, "copied")


def _outcome(
  one: commands.Command,
  ended: commands.Ended,
  work: pathlib.Path,
  how: str,
) -> tuple[Outcome, int]:
  wrong = commands.judged(one, ended, work)
  commands.know(work)
  verdict = attempt.REFUSED if ended.status == 2 else attempt.READ
  return (
    Outcome(
      f"{how}: {one.name[:200]}",
      f"command, {one.fault}",
      attempt.WRONG if wrong else verdict,
      wrong or ended.stderr.strip()[-300:],
      ended.seconds,
    ),
    ended.mib,
  )


def main() -> int:
  """Tries everything and prints a table; code 1 where something is wrong."""
  outcomes: list[Outcome] = []
  most_mib = 0
  if _COMMANDS.value:
    run = pathlib.Path(_RUN.value).resolve() if _RUN.value else None
    for outcome, mib in run_commands(run, _STARTED.value):
      outcomes.append(outcome)
      most_mib = max(most_mib, mib)
      _tell(outcome)
  # Behind the commands, whose parent must not be short of memory.
  attempt.limit_memory(_READER_BYTES)
  cases = readers.all_cases(_CASES.value, _SEED.value)
  for outcome in attempt.attempts(cases):
    outcomes.append(outcome)
    _tell(outcome)
  rows = attempt.table(outcomes)
  harness.show(rows)
  if most_mib:
    print(f"most memory of a command: {most_mib} MiB")
  wrong = [o for o in outcomes if o.verdict == attempt.WRONG]
  harness.write(
    {"cores": len(os.sched_getaffinity(0)), "command_mib": most_mib},
    rows=rows,
    wrong=[{"case": o.case, "said": o.said} for o in wrong],
  )
  return 1 if wrong else 0


def _tell(outcome: Outcome) -> None:
  if outcome.verdict == attempt.WRONG:
    print(f"WRONG {outcome.case}: {outcome.said}", flush=True)


if __name__ == "__main__":
  harness.start(main)
