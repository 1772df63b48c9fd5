"""Kills builds of a data set at random moments and looks at what is left.

    python -m tests.faults.check_builds --kills=10

A build in a process of its own gets SIGKILL, runs again, and its decoded
records are compared with those of a build left alone: killed once, after every
recording, while it simulates; with a finished part cut or changed meanwhile;
and two builds at the same time. `lost` counts builds that did not end with the
right records, `made twice` recordings that were done and made again. Exit code
0 when both are zero, else 1.
"""

from __future__ import annotations

import dataclasses
import pathlib
import tempfile

from absl import flags, logging

from launch.bench import harness
from tests.faults import build_faults

_KILLS = flags.DEFINE_integer("kills", 10, "at random moments", 1)
_PEOPLE = flags.DEFINE_integer("recordings", 6, "of the track", 2)
_MINUTES = flags.DEFINE_float("minutes", 0.2, "length of each", 0.03)
_SEED = flags.DEFINE_integer("seed", 0, "of the moments")


def main() -> bool:
  """Runs all faults and prints the table; code 1 where one did harm."""
  logging.set_verbosity(logging.ERROR)
  about = harness.begin("tensorflow-datasets", "array-record")
  fewer = max(1, _KILLS.value // 5)
  tallies = []

  def count(fault: str) -> build_faults.Tally:
    tallies.append(build_faults.Tally(fault))
    return tallies[-1]

  with tempfile.TemporaryDirectory(prefix="check-builds-") as name:
    raw = pathlib.Path(name)
    build_faults.make_recordings(raw, _PEOPLE.value, _MINUTES.value)
    bench = build_faults.Bench(raw, _SEED.value)
    once = count("killed at a random moment")
    for _ in range(_KILLS.value):
      bench.killed(once)
    often = count("killed after every recording")
    bench.killed_often(often)
    for how, words in (("cut", "cut short"), ("flip", "changed by one bit")):
      changed = count(f"killed, then a part {words}")
      for _ in range(fewer):
        bench.killed(changed, how)
    two = count("two builds at once")
    for _ in range(fewer):
      bench.together(two)
  simulated = build_faults.Bench(None, _SEED.value)
  moving = count("killed while it simulates or after")
  for _ in range(fewer):
    simulated.killed(moving)
  rows = [
    {key.replace("_", " "): value for key, value in row.items()}
    for row in map(dataclasses.asdict, tallies)
  ]
  harness.show(rows)
  harness.write(about, rows=rows)
  return any(row["lost"] or row["made twice"] for row in rows)


if __name__ == "__main__":
  harness.start(main)
