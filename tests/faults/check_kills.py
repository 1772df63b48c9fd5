"""Kills and stops a training run at random moments, and lets it go on.

    python -m tests.faults.check_kills --kills=20 --terms=10 [--json=FILE]

A short run on made-up recordings is done once undisturbed, then with SIGKILL
and SIGTERM while it starts, compiles, steps, saves and evaluates, the same
command going on each time. Arrays, statistics, optimiser, metrics.jsonl,
results.json and predictions.npz must end as the same bytes. Exit code 1 when
a run did not.

With --processes=2 one run spans two processes, each with two forced CPU
devices; all of them are hit, or one, whose end the others have to notice.
"""

from __future__ import annotations

import pathlib
import sys
import tempfile

from absl import flags

from launch.bench import harness
from tests.faults import kill_rounds

_KILLS = flags.DEFINE_integer("kills", 20, "how often SIGKILL comes")
_TERMS = flags.DEFINE_integer("terms", 10, "how often SIGTERM comes")
_MOMENTS = flags.DEFINE_integer("moments_seed", 0, "of the moments")
_PROCESSES = flags.DEFINE_integer(
  "processes", 1, "that one run spans", lower_bound=1
)
_OUT = flags.DEFINE_string(
  "out", None, "folder for runs and logs (default: one that is thrown away)"
)

_DEVICES = {
  "JAX_PLATFORMS": "cpu",
  "XLA_FLAGS": "--xla_force_host_platform_device_count=2",
}


def main() -> int:
  """Disturbs runs and prints a table; code 1 where one was lost."""
  with tempfile.TemporaryDirectory() as scratch:
    folder = pathlib.Path(_OUT.value or scratch).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    rows = kill_rounds.rounds(
      kill_rounds.Case(
        folder,
        environment=_DEVICES if _PROCESSES.value > 1 else {},
        processes=_PROCESSES.value,
      ),
      _KILLS.value,
      _TERMS.value,
      _MOMENTS.value,
      lambda line: print(line, file=sys.stderr, flush=True),
    )
  harness.show(rows)
  harness.write(harness.facts(), rows=rows)
  return int(any(row["lost"] for row in rows))


if __name__ == "__main__":
  harness.start(main)
