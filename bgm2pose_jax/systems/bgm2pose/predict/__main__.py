r"""Command line: two sound files and a trained model to a moving skeleton.

    python -m bgm2pose_jax.predict --checkpoint=RUN --recording=R.wav \
      --music=M.flac --out=DIR

Finds the music in the recording, predicts a pose for every 50 ms in which there
are both, and writes poses.npz, poses.csv, poses.json, poses.bvh and a page.
Several checkpoints, separated by commas, give their mean and their spread.
"""

from __future__ import annotations

import dataclasses
import functools
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tqdm
from absl import flags, logging

from bgm2pose_jax.audio.audio_files import SAMPLE_RATE_HZ
from bgm2pose_jax.base import command, local_path
from bgm2pose_jax.config import run_folder
from bgm2pose_jax.poses.body21 import BODY21
from bgm2pose_jax.runtime import compilation, platforms
from bgm2pose_jax.systems.bgm2pose import command_flags, trained
from bgm2pose_jax.systems.bgm2pose.align import heard_channels, sounds
from bgm2pose_jax.systems.bgm2pose.align import page as align_page
from bgm2pose_jax.systems.bgm2pose.align.alignment import align
from bgm2pose_jax.systems.bgm2pose.align.sound_field import SoundField
from bgm2pose_jax.systems.bgm2pose.align.spectra import Clocks
from bgm2pose_jax.systems.bgm2pose.ampl import recording_index
from bgm2pose_jax.systems.bgm2pose.music_model import MusicModel
from bgm2pose_jax.systems.bgm2pose.predict import (
  conventions,
  novelty,
  page,
  predictor,
  standardising,
  truth,
  write,
)
from bgm2pose_jax.systems.bgm2pose.predict.pose_track import RATE_HZ
from bgm2pose_jax.systems.bgm2pose.predict.sound_pair import (
  FLIGHT_MS,
  SoundPair,
  sent_at,
)


def define_flags(values: flags.FlagValues) -> None:
  """Adds the command line's flags to `values`."""

  def text(name: str, about: str) -> None:
    flags.DEFINE_string(name, None, about, flag_values=values)

  def number(name: str, default: float, about: str) -> None:
    flags.DEFINE_float(name, default, about, flag_values=values)

  text("checkpoint", "work folder of a run, or several: A,B,C (required)")
  command_flags.recording(values)
  command_flags.music(values)
  text("out", "folder to write (default: <recording>_poses beside it)")
  command_flags.prediction(values, blend=0, statistics=standardising.MODES)
  number(
    "flight_ms",
    FLIGHT_MS,
    "the sound's way from the nearer loudspeaker (2.9 ms a metre); taken off "
    "an offset that was found, which is that of the arrival",
  )
  text("poses", "true poses, CSV of positions at 120 a second")
  number("poses_lag_s", 0.0, "when the pose track begins in the recording")
  number(
    "hip_spine_m",
    BODY21.unit_cm / 100,
    "the person's distance from Hips to Spine, which scales poses to metres",
  )
  flags.DEFINE_list(
    "formats", list(write.FORMATS), "files to write", flag_values=values
  )


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
  command.require(values, "checkpoint", "recording", "music")
  recording_path, music_path = Path(values.recording), Path(values.music)
  out = values.out or str(
    recording_path.with_name(recording_path.stem + "_poses")
  )
  local_path.check("out", out)
  folder = Path(out)
  write.check(values.formats, values.hip_spine_m)
  models = [load(name) for name in values.checkpoint.split(",") if name]
  gains = conventions.gains(
    values.ambisonic_format, models[0], convert=values.convert_format
  )
  order = conventions.order(values.channel_order, models[0])
  options = predictor.Options(
    hop_ms=values.hop_ms,
    blend=values.blend,
    statistics=values.statistics,
    track=values.track,
    static_response=values.static_response,
    attention=True,
  )
  lines: list[str] = []
  facts: dict[str, Any] = {}
  root = recording_index.simulated_root(recording_path)
  left = recording_index.left_of(recording_path, values.left)

  def tell(*more: str) -> None:
    for line in more:
      lines.append(line)
      say(line)

  with (
    sounds.decoded(
      recording_path, sounds.RECORDING_CHANNELS, SAMPLE_RATE_HZ, order
    ) as recording,
    sounds.decoded(music_path, sounds.MUSIC_CHANNELS, None) as music,
  ):
    place, table, said, field = _listened(
      values, recording, music, order, models[0], left
    )
    pair = SoundPair(
      recording, music, *place, where=recording_path, gains=gains
    )
    new = novelty.assess(
      models[0],
      music,
      predictor.beginning(models[0], pair, options),
      channels=said.get("channels"),
    )
    warnings = [
      *new.warnings,
      *said.get("warnings", ()),
      *sounds.header_warnings(recording_path, music_path),
      *conventions.gains_warnings(field, values.ambisonic_format, models[0]),
    ]
    notes = sounds.music_notes(music_path)
    tell(*table)
    tell(*(f"warning: {w}" for w in warnings if w not in "".join(table)))
    tell(*(f"note: {note}" for note in notes))
    facts |= said | new.to_dict() | {"warnings": warnings}
    facts |= {"channel_order": order, "left": left}
    facts["sound"] = "recorded" if root is None else "simulated"
    facts |= {"notes": notes} if notes else {}
    target = None
    if values.poses:
      target = truth.read(
        Path(values.poses),
        pair,
        values.poses_lag_s,
        models[0].config.data.heading,
      )
    started = time.perf_counter()
    made = predictor.predict(models, pair, options, progress=_bar)
    took_s = time.perf_counter() - started
  track = made.track
  figures: dict[str, Any] = {}
  if target is not None:
    track, figures = truth.beside(track, target, models[0].mean_pose)
  facts |= {"recording": recording_path.name, "music": music_path.name}
  track = dataclasses.replace(track, facts={**track.facts, **facts})
  written = write.write_all(
    folder, track, hip_spine_m=values.hip_spine_m, formats=values.formats
  )
  page.write_page(
    folder / "poses.html",
    track,
    spectrogram=_cut(made.spectrogram_db, len(track)),
    attention=_cut(made.attention, len(track)),
    title=recording_path.name,
    summary=figures.get("verdict", ""),
    facts=_flat_figures(figures),
  )
  tell(
    f"{len(track)} poses from {track.first_s:.2f} s on, in {took_s:.1f} s "
    f"({len(track) / RATE_HZ / took_s:.0f} times real time); model trained on "
    f"{track.facts['trained_on']}; inputs standardised by "
    f"{track.facts['statistics']} statistics"
  )
  if figures:
    tell(*truth.lines(figures))
    written.append(folder / "metrics.json")
    run_folder.write_json(written[-1], figures)
  tell(*(f"wrote {p}" for p in [*written, folder / "poses.html"]))
  return lines


def _flat_figures(figures: dict[str, Any]) -> list[tuple[str, str]]:
  """Rows of the page's table: the model's figures, then the mean pose's."""
  still = figures.get("mean_pose", {})
  keys = ("mpjpe_cm", "hip_spine_cm", "rmse", "mae", "pckh50")
  return [
    (f"{whose}{key}", f"{row[key]:.4f}")
    for whose, row in (("", figures), ("mean pose ", still))
    for key in keys
    if key in row
  ]


def _listened(
  values: flags.FlagValues,
  recording: np.ndarray,
  music: np.ndarray,
  order: str,
  model: MusicModel,
  left: str,
) -> tuple[tuple[float, float], list[str], dict[str, Any], SoundField | None]:
  """Where the music lies, and what the sound says.

  Returns:
    Offset in samples and drift in ppm, what to print, facts, and what the
    direct sound says of the channels.
  """
  if values.offset_ms is None:
    found = align(
      recording,
      music,
      left=left,
      where=Path(values.recording),
      channel_order=order,
      maybe_simulated=model.simulated,
    )
    sent = sent_at(found.offset_samples, values.flight_ms)
    facts = {"warnings": list(found.warnings), "channels": found.channels}
    place = sent, found.drift_ppm
    return place, [align_page.table(found)], facts, found.sound_field
  place = values.offset_ms * SAMPLE_RATE_HZ / 1000, values.drift_ppm
  field = heard_channels.of_sound(
    recording,
    music,
    Clocks(values.offset_ms / 1000, values.drift_ppm),
    left=left,
    order=order,
    maybe_simulated=model.simulated,
  )
  heard = {} if field is None else {"warnings": list(field.warnings)}
  return place, [], heard, field


def _cut(array: Any, frames: int) -> Any:
  return None if array is None else array[:frames]


def _bar(blocks: Iterator[Any], count: int) -> Iterator[Any]:
  return iter(tqdm.tqdm(blocks, total=count, unit="block", desc="sound"))


def main(argv: Sequence[str]) -> None:
  """Predicts; one line and exit status 2 on unusable input."""
  logging.set_verbosity(logging.WARNING)
  with command.ending():
    command.no_arguments(argv)
    platforms.check()
    compilation.keep_programs(compilation.own_folder())
    run(flags.FLAGS, say=functools.partial(print, flush=True))


if __name__ == "__main__":
  define_flags(flags.FLAGS)
  command.start(main)
