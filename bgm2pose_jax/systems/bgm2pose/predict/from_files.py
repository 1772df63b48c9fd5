"""What the command predict does, up to the files that it writes."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from absl import flags

from bgm2pose_jax.audio.audio_files import SAMPLE_RATE_HZ
from bgm2pose_jax.contract.from_files import FromFiles, write_sound
from bgm2pose_jax.inference.trained_model import TrainedModel
from bgm2pose_jax.poses.body21 import BODY21
from bgm2pose_jax.poses.rest_pose import REST21
from bgm2pose_jax.report.poses import Poses
from bgm2pose_jax.systems.bgm2pose import command_flags, music_model
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
  predictor,
  standardising,
  truth,
  write,
)
from bgm2pose_jax.systems.bgm2pose.predict.pose_track import RATE_HZ, PoseTrack
from bgm2pose_jax.systems.bgm2pose.predict.sound_pair import (
  FLIGHT_MS,
  SoundPair,
  sent_at,
)

Progress = Callable[[Iterator[Any], int], Iterator[Any]]


@dataclasses.dataclass(frozen=True, eq=False)
class Predicted:
  """A prediction, and what is said of it.

  Attributes:
    track: the poses, with every fact.
    spectrogram_db, attention: as in `predictor.Prediction`, of these poses.
    figures: errors against the true poses; empty without them.
    lines: what the terminal shows.
    took_s: seconds that the network and its features took.
  """

  track: PoseTrack
  spectrogram_db: np.ndarray | None
  attention: np.ndarray | None
  figures: Mapping[str, Any]
  lines: Sequence[str]
  took_s: float


def define_flags(values: flags.FlagValues) -> None:
  """Adds the command line's flags to `values`."""

  def text(name: str, about: str) -> None:
    flags.DEFINE_string(name, None, about, flag_values=values)

  def number(name: str, default: float, about: str) -> None:
    flags.DEFINE_float(name, default, about, flag_values=values)

  text("checkpoint", "work folder of a run, or several: A,B,C")
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


def predicted(
  values: flags.FlagValues,
  models: Sequence[MusicModel],
  progress: Progress | None = None,
  say: Callable[[str], None] = lambda line: None,
) -> Predicted:
  """Finds the music in the recording and predicts a pose for every frame.

  Args:
    values: the flags.
    models: the networks whose mean is taken.
    progress: wraps an iterator over blocks of sound, given how many come.
    say: takes each line as soon as it is known: warnings come before the first
      pose.

  Raises:
    InputError: input that cannot be used.
  """
  recording_path, music_path = Path(values.recording), Path(values.music)
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
    made = predictor.predict(models, pair, options, progress=progress)
    took_s = time.perf_counter() - started
  track = made.track
  figures: dict[str, Any] = {}
  if target is not None:
    track, figures = truth.beside(track, target, models[0].mean_pose)
  facts |= {"recording": recording_path.name, "music": music_path.name}
  track = dataclasses.replace(track, facts={**track.facts, **facts})
  return Predicted(
    track,
    _cut(made.spectrogram_db, len(track)),
    _cut(made.attention, len(track)),
    figures,
    lines,
    took_s,
  )


def poses(values: flags.FlagValues, model: TrainedModel) -> Poses:
  """The prediction of one network as poses in metres.

  Args:
    values: the flags.
    model: a network of this system.

  Raises:
    InputError: as `predicted`.
  """
  write.check((), values.hip_spine_m)
  found = predicted(values, [music_model.of(model)])
  track = found.track
  scale = np.float32(values.hip_spine_m)
  return Poses(
    positions_m=track.pose * scale,
    time_s=track.time_s,
    rate_hz=RATE_HZ,
    rest=REST21,
    frame="hips at x = z = 0, lowest joint at y = 0, y up, right-handed",
    head="Head",
    simulated=track.simulated,
    warnings=tuple(track.facts["warnings"]),
    notes=tuple(track.facts.get("notes", ())),
    facts={**track.facts, **found.figures},
    truth_m=None if track.target is None else track.target * scale,
  )


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


FROM_FILES = FromFiles(
  inputs={"recording": write_sound, "music": write_sound},
  define_flags=define_flags,
  not_options=("checkpoint", "out", "formats"),
  predict=poses,
)
