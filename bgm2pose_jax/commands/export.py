"""Takes a trained network away, and brings one back.

    bgm2pose export --checkpoint=RUN --out=DIR
    bgm2pose export --from_export=DIR --out=RUN

The first writes DIR: weights (safetensors), the network as StableHLO for CPUs,
NVIDIA GPUs and TPUs, and a model card. The second makes a folder to predict
from, or to start from with `--init_from`.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

import jax
from absl import flags, logging

from bgm2pose_jax.base import command, given_paths, local_path, log_lines
from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.base.help_text import REQUIRED, Help
from bgm2pose_jax.inference import export, trained_model
from bgm2pose_jax.systems import registry

HELP = Help(
  "bgm2pose export",
  __doc__ or "",
  {
    REQUIRED: ("out",),
    "Export": (
      "checkpoint",
      "check",
    ),
    "Restore": ("from_export",),
  },
)


def define_flags(values: flags.FlagValues) -> None:
  """Adds the command line's flags to `values`."""
  text = functools.partial(flags.DEFINE_string, flag_values=values)
  text(
    "checkpoint", None, "a run's folder, or FOLDER/checkpoints/STEP, to export"
  )
  text("from_export", None, "folder of an export, to make a run's folder of")
  text("out", None, "folder to make")
  flags.DEFINE_bool(
    "check",
    True,
    "with --checkpoint: run the programs in a process without this package "
    "before the folder is kept",
    flag_values=values,
  )


def main(argv: Sequence[str]) -> None:
  """Exports or restores; one line and exit status 2 on unusable input."""
  # Orbax tells of every step it takes.
  log_lines.show_from(logging.WARNING)
  # Lowering for other platforms needs none of them, and both sides of the
  # check compute on the same one.
  jax.config.update("jax_platforms", "cpu")
  values = flags.FLAGS
  with command.ending():
    _run(argv, values)


def _run(argv: Sequence[str], values: flags.FlagValues) -> None:
  command.no_arguments(argv)
  if not values.out:
    raise InputError("--out", "is missing", "see --help")
  if (values.checkpoint is None) == (values.from_export is None):
    raise InputError(
      "--checkpoint and --from_export", "give one of them", "see --help"
    )
  given_paths.folders(values, "checkpoint", "from_export")
  out = local_path.check("out", values.out)
  assert out is not None
  if values.checkpoint is None:
    found = export.read(values.from_export)
    export.restore(found, out, registry.of_model)
    print(
      f"{out}: step {found.facts['step']} of {found.facts['model']}; start "
      f"from it with --init_from={out}"
    )
    return
  model = trained_model.load(values.checkpoint, registry.of_model)
  worst = export.write(model, out, check=values.check)
  kind = "simulated recordings" if model.simulated else "recordings"
  print(f"{out}: {model.config.model}, trained on {kind}; see MODEL_CARD.md")
  for name, gap in worst.items():
    print(f"  {name}: runs without this package, same to {gap:.1e}")
  if not worst:
    print("  not checked")


if __name__ == "__main__":
  define_flags(flags.FLAGS)
  command.start(main, HELP)
