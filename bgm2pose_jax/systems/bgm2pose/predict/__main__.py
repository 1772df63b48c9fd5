r"""Two sound files and a trained model to a moving skeleton.

    bgm2pose predict --checkpoint=RUN --recording=R.wav \
      --music=M.flac --out=DIR

Finds the music in the recording, predicts a pose for every 50 ms in which there
are both, and writes poses.npz, poses.csv, poses.json, poses.bvh and a page.
Several checkpoints, separated by commas, give their mean and their spread.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from absl import flags, logging

from bgm2pose_jax.base import (
  command,
  given_paths,
  local_path,
  log_lines,
  progress,
)
from bgm2pose_jax.base.help_text import REQUIRED, Help
from bgm2pose_jax.config import run_folder
from bgm2pose_jax.runtime import compilation, platforms
from bgm2pose_jax.systems.bgm2pose import trained
from bgm2pose_jax.systems.bgm2pose.music_model import MusicModel
from bgm2pose_jax.systems.bgm2pose.predict import from_files, page, truth, write
from bgm2pose_jax.systems.bgm2pose.predict.from_files import define_flags
from bgm2pose_jax.systems.bgm2pose.predict.pose_track import RATE_HZ

HELP = Help(
  "bgm2pose predict",
  __doc__ or "",
  {
    REQUIRED: (
      "checkpoint",
      "recording",
      "music",
    ),
    "Output": (
      "out",
      "formats",
      "hip_spine_m",
    ),
    "Where the music begins": (
      "offset_ms",
      "drift_ppm",
      "flight_ms",
    ),
    "Channels of the recording": (
      "left",
      "channel_order",
      "ambisonic_format",
      "convert_format",
    ),
    "How poses are predicted": (
      "hop_ms",
      "blend",
      "statistics",
      "track",
      "static_response",
    ),
    "Comparison with true poses": (
      "poses",
      "poses_lag_s",
    ),
  },
)


def check_input(values: flags.FlagValues) -> None:
  """Checks which flags are given, and whether their files are there.

  Args:
    values: the flags.

  Raises:
    InputError: a flag or a file is missing.
  """
  command.require(values, "checkpoint", "recording", "music")
  given_paths.files(values, "recording", "music", "poses")


def run(
  values: flags.FlagValues,
  load: Callable[[str], MusicModel] = trained.load,
  say: Callable[[str], None] = lambda line: None,
) -> list[str]:
  """Does what the flags say and returns the lines that it said.

  Args:
    values: the flags.
    load: name of a run -> its network.
    say: takes each line as soon as it is known: warnings come before the first
      pose.

  Raises:
    InputError: input that cannot be used.
  """
  check_input(values)
  recording_path = Path(values.recording)
  out = values.out or str(
    recording_path.with_name(recording_path.stem + "_poses")
  )
  local_path.check("out", out)
  folder = Path(out)
  write.check(values.formats, values.hip_spine_m)
  models = [load(name) for name in values.checkpoint.split(",") if name]
  made = from_files.predicted(values, models, progress=_bar, say=say)
  track, lines = made.track, list(made.lines)

  def tell(*more: str) -> None:
    for line in more:
      lines.append(line)
      say(line)

  written = write.write_all(
    folder, track, hip_spine_m=values.hip_spine_m, formats=values.formats
  )
  page.write_page(
    folder / "poses.html",
    track,
    spectrogram=made.spectrogram_db,
    attention=made.attention,
    title=recording_path.name,
    summary=made.figures.get("verdict", ""),
    facts=_flat_figures(made.figures),
  )
  tell(
    f"{len(track)} poses from {track.first_s:.2f} s on, in "
    f"{made.took_s:.1f} s "
    f"({len(track) / RATE_HZ / made.took_s:.0f} times real time); model "
    f"trained on {track.facts['trained_on']}; inputs standardised by "
    f"{track.facts['statistics']} statistics"
  )
  if made.figures:
    tell(*truth.lines(made.figures))
    written.append(folder / "metrics.json")
    run_folder.write_json(written[-1], dict(made.figures))
  tell(*(f"wrote {p}" for p in [*written, folder / "poses.html"]))
  return lines


def _flat_figures(figures: Mapping[str, Any]) -> list[tuple[str, str]]:
  """Rows of the page's table: the model's figures, then the mean pose's."""
  still = figures.get("mean_pose", {})
  keys = ("mpjpe_cm", "hip_spine_cm", "rmse", "mae", "pckh50")
  return [
    (f"{whose}{key}", f"{row[key]:.4f}")
    for whose, row in (("", figures), ("mean pose ", still))
    for key in keys
    if key in row
  ]


def _bar(blocks: Iterator[Any], count: int) -> Iterator[Any]:
  return iter(progress.bar(blocks, total=count, unit="block", desc="sound"))


def main(argv: Sequence[str]) -> None:
  """Predicts; one line and exit status 2 on unusable input."""
  log_lines.show_from(logging.WARNING)
  with command.ending():
    command.no_arguments(argv)
    check_input(flags.FLAGS)
    platforms.check()
    compilation.keep_programs(compilation.own_folder())
    run(flags.FLAGS, say=functools.partial(print, flush=True))


if __name__ == "__main__":
  define_flags(flags.FLAGS)
  command.start(main, HELP)
