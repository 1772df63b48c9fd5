"""Compiles steps for accelerators that are not here, and reads the result.

  python -m launch.bench.compile_for --target=v5e:2x4,h100 --preset=official \
    --compute_dtype=bfloat16 --batch=64 --json=found.json
  python -m launch.bench.compile_for ... --before=found.json

JAX compiles a whole step for TPUs and GPUs on a machine that has none:
`jax[tpu]` brings the compiler of v5e, v5p and v6e, `jax[cuda12]` that of A100,
H100 and H200. Each needs an environment of its own. **Nothing is run**: every
figure is the compiler's, or is counted in what it made, and says so wherever
it stands.

A row for each target, preset, type and step:

- memory: arguments, results and scratch of one chip; a TPU's compiler refuses
  what does not fit.
- moved: what operations read from and write to the chip's memory, each operand
  and result once, filled up to the tiles it is stored in; of an operand that
  only pieces are cut from, those pieces. What stays on chip between two
  operations is not in it (`program_text.py`).
- operations: what runs one after another, a loop's as often as it turns; on a
  GPU each is a launch. small: those that move under 2 MB.
- cycles: the sum of the compiler's estimates at the chip's clock, TPU alone.
  Without exchanges. At full effort (the default) the sum means something; at
  `--effort=-1`, ten times as quick to compile, it is three to five times too
  high while memory, exchanges and types hold.
- floor: operations at the published rate, or bytes at the memory's, whichever
  is longer.
- exchanges: collectives of the compiled program and their bytes.
- float32: float32 arrays of 1 MiB and more that operations leave in memory.

Below each row come the largest arrays and the modules that operations come
from. `--before` sets the figures of an earlier `--json` beside the new ones.
"""

from __future__ import annotations

import itertools
import json
import os
import pathlib
from collections.abc import Mapping
from typing import Any

# The compilers are asked in processes of their own; here nothing is computed.
os.environ.setdefault("JAX_PLATFORMS", "cpu")

from absl import flags

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.config import schema, tree
from launch.bench import (
  chips,
  compile_case,
  compiled_table,
  harness,
  network,
  step_shapes,
)

network.define_flags("official", any_model=True, batch="64")
_TARGETS = flags.DEFINE_list(
  "target", ["v5e"], f"chips and their layout: {', '.join(chips.CHIPS)}"
)
_STEPS = flags.DEFINE_list(
  "step",
  ["train"],
  f"of {', '.join(step_shapes.STEPS)}; or an export's program",
)
_EXPORT = flags.DEFINE_string(
  "export", None, "an exported folder, not a preset"
)
_EFFORT = flags.DEFINE_float("effort", None, "the TPU compiler's, -1 to 1")
_OPTIONS = flags.DEFINE_multi_string(
  "compiler_option", [], "key=value, as XLA names it without the dashes"
)
_BEFORE = flags.DEFINE_string("before", None, "an earlier --json, to compare")
_TEXT = flags.DEFINE_string("text", None, "folder for the programs' text")
_DETAILS = flags.DEFINE_bool("details", True, "also arrays and modules")


def _cases() -> list[tuple[dict[str, Any], compile_case.Case]]:
  """What the flags ask for: what names a row, and its case."""
  targets = [chips.parse(text) for text in _TARGETS.value]
  if _EXPORT.value is None:
    harness.among(_STEPS, step_shapes.STEPS)
  configs = network.configs()
  if _EXPORT.value is not None:
    configs = configs[:1]
  made = []
  for target, config, step in itertools.product(targets, configs, _STEPS.value):
    rows = config.batch.size
    named = {
      "target": f"{target.key}:{target.layout}",
      "step": step,
      "model": config.model,
      "preset": config.preset,
      "dtype": config.run.compute_dtype,
      "width": config.network.get("width"),
      "rows": rows,
    }
    if _EXPORT.value is not None:
      name = pathlib.Path(_EXPORT.value).name
      named |= {"model": name, "preset": None, "dtype": None, "width": None}
    changes = schema.flatten(config)
    model = flags.FLAGS.model
    made.append(
      (
        named,
        compile_case.Case(
          target=named["target"],
          step=step,
          batch=rows,
          model=model,
          preset=config.preset,
          changes=changes,
          export=_EXPORT.value,
          options=_options(target),
          text=_text_of(named),
        ),
      )
    )
  return made


def _options(target: chips.Target) -> dict[str, Any]:
  options: dict[str, Any] = {**tree.parse_assignments(_OPTIONS.value)}
  if _EFFORT.value is not None and target.chip.platform == "tpu":
    options["exec_time_optimization_effort"] = _EFFORT.value
  return options


def _text_of(named: Mapping[str, Any]) -> str | None:
  if _TEXT.value is None:
    return None
  folder = pathlib.Path(_TEXT.value)
  folder.mkdir(parents=True, exist_ok=True)
  words = [
    str(named[key]) for key in compiled_table.KEYS if named[key] is not None
  ]
  return str(folder / ("-".join(words).replace(":", "_") + ".txt"))


def _earlier() -> list[dict[str, Any]]:
  """The rows of `--before`."""
  if _BEFORE.value is None:
    return []
  path = pathlib.Path(_BEFORE.value)
  try:
    rows = json.loads(path.read_text(encoding="utf-8"))["rows"]
    return [row for row in rows if "error" not in row]
  except (OSError, ValueError, TypeError, KeyError) as error:
    raise InputError(
      f"--before={path}", "no figures of this command", "give its --json"
    ) from error


def main() -> int:
  """Compiles every case and prints; code 1 where one does not compile."""
  todo, earlier = _cases(), _earlier()
  about = harness.begin(*chips.versions())
  print("compiled, never executed")
  rows: list[dict[str, Any]] = []
  for i, (named, case) in enumerate(todo):
    print(f"{i + 1} of {len(todo)}: {harness.line(named)}", flush=True)
    rows.append(compiled_table.row_of(named, compile_case.run(case)))
    compiled_table.say(rows[-1], earlier, details=_DETAILS.value)
    harness.write(about, rows=rows)
  if len(rows) > 1:
    harness.show(rows, compiled_table.COLUMNS)
  return int(any("error" in row for row in rows))


if __name__ == "__main__":
  harness.start(main)
