"""What the command refine does, up to the files that it writes."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from absl import flags

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.contract.from_files import (
  FromFiles,
  arrays_with_rate,
  write_sound,
)
from bgm2pose_jax.inference.trained_model import TrainedModel
from bgm2pose_jax.poses.body13 import FRAMES_PER_S
from bgm2pose_jax.poses.rest_pose import REST13
from bgm2pose_jax.report.poses import Poses
from bgm2pose_jax.systems.mapnet.refine import (
  binding,
  bridging,
  reading,
  sound_beside,
  training_frame,
  truth,
  windows,
)
from bgm2pose_jax.systems.mapnet.refine.refiner import Refiner
from bgm2pose_jax.systems.mapnet.refine.result import RefinedTake
from bgm2pose_jax.systems.mapnet.refine.sound_beside import Sound, Stretch
from bgm2pose_jax.systems.mapnet.take import WINDOW_FRAMES

# Sound, its rate and a number of frames -> features [frames, 35].
Features = Callable[[np.ndarray, int, int], np.ndarray]
Progress = Callable[[Iterator[Any], int], Iterator[Any]]


@dataclasses.dataclass(frozen=True, eq=False)
class Refined:
  """A refined take, and what its page shows beside it.

  Attributes:
    take: the poses.
    sound: what was played.
    stretch: the part that poses and sound share.
    gaps: joints that were bridged.
    took_s: seconds that the network took.
  """

  take: RefinedTake
  sound: Sound
  stretch: Stretch
  gaps: Sequence[bridging.Gaps]
  took_s: float


def define_flags(values: flags.FlagValues) -> None:
  """Adds the command line's flags to `values`."""

  def text(name: str, about: str) -> None:
    flags.DEFINE_string(name, None, about, flag_values=values)

  text("checkpoint", "work folder of a run")
  text(
    "poses",
    "CSV with columns <joint>_x,_y,_z, BVH, NPZ, or MediaPipe's world landmarks"
    " as JSON or CSV",
  )
  text("audio", "what was played, any rate")
  text("out", "folder to write (default: <poses>_refined beside it)")
  text("truth", "true poses on the same clock, any of these formats")
  flags.DEFINE_float(
    "audio_offset_ms",
    0.0,
    "when the sound begins on the poses' clock; negative: before them",
    flag_values=values,
  )
  flags.DEFINE_float(
    "fps",
    None,
    "poses a second, where the file does not say",
    flag_values=values,
  )
  flags.DEFINE_float(
    "min_visibility",
    reading.MIN_VISIBILITY,
    "landmarks less visible than this count as not seen",
    0.0,
    1.0,
    flag_values=values,
  )
  flags.DEFINE_enum(
    "align",
    "yaw",
    training_frame.MODES,
    "how the person is brought to the frame of the training: left toe to the"
    " origin and turned to face its way, the toe alone, or not at all",
    flag_values=values,
  )
  flags.DEFINE_enum(
    "overlap",
    "mean",
    windows.OVERLAPS,
    "of the windows that hold a frame: their mean, or the last alone",
    flag_values=values,
  )


def refined(
  values: flags.FlagValues,
  load: Callable[[], Refiner],
  features: Features | None = None,
  progress: Progress | None = None,
) -> Refined:
  """Reads poses and sound and refines the poses.

  Args:
    values: the flags.
    load: reads the network.
    features: the features of the sound; None takes the system's own.
    progress: wraps an iterator over batches, given how many come.

  Raises:
    InputError: input that cannot be used.
  """
  poses_path = Path(values.poses)
  if not abs(values.audio_offset_ms) < 1e9:
    raise InputError(
      "--audio_offset_ms", f"is {values.audio_offset_ms}", "give milliseconds"
    )
  refiner = load()
  track = reading.read(
    poses_path, fps=values.fps, min_visibility=values.min_visibility
  )
  sound = sound_beside.read(Path(values.audio))
  track, stretch = sound_beside.on_one_clock(
    track, sound, values.audio_offset_ms
  )
  notes = [*track.notes, *stretch.notes]
  true = None
  if values.truth:
    found, _ = sound_beside.on_one_clock(
      reading.read(values.truth, min_visibility=values.min_visibility),
      sound,
      values.audio_offset_ms,
    )
    true, said = truth.beside(found, stretch, track)
    notes += said
  heard = (features or _own_features())(
    sound.samples, sound.rate_hz, sound.frames
  )
  heard = heard[stretch.first_row : stretch.first_row + stretch.frames]
  placing = training_frame.find(track, refiner.mean_pose_m, values.align)
  started = time.perf_counter()
  pose_m = windows.refined(
    refiner,
    track,
    placing,
    heard,
    stretch.first_s,
    overlap=values.overlap,
    progress=progress,
  )
  took_s = time.perf_counter() - started
  gaps = bridging.gaps(track.missing, track.time_s)
  notes += _said(refiner, track.rate_hz, stretch.frames, placing, gaps, values)
  take = RefinedTake(
    pose_m=pose_m,
    input_m=track.at(stretch.time_s).astype(np.float32),
    bridged=track.bridged_at(stretch.time_s),
    first_s=stretch.first_s,
    simulated=refiner.simulated,
    truth_m=true,
    notes=tuple(notes),
    facts={
      **refiner.facts,
      "poses": poses_path.name,
      "audio": Path(values.audio).name,
      "truth": Path(values.truth).name if values.truth else None,
      "input_rate_hz": round(track.rate_hz, 3),
      "network_input_hz": round(refiner.input_hz, 3),
      "audio_offset_ms": values.audio_offset_ms,
      "first_s": stretch.first_s,
      "frames": stretch.frames,
      "overlap": values.overlap,
      "align": values.align,
      "origin_m": placing.origin_m.round(4).tolist(),
      "yaw_deg": round(float(np.degrees(placing.yaw_rad)), 2),
      "min_visibility": values.min_visibility,
      "bridged": {each.joint: each.frames for each in gaps},
    },
  )
  return Refined(take, sound, stretch, gaps, took_s)


def poses(values: flags.FlagValues, model: TrainedModel) -> Poses:
  """The refined poses of one take.

  Args:
    values: the flags.
    model: a network of this system.

  Raises:
    InputError: as `refined`.
  """
  take = refined(values, lambda: binding.of(model)).take
  return Poses(
    positions_m=take.pose_m,
    time_s=take.time_s,
    rate_hz=FRAMES_PER_S,
    rest=REST13,
    frame="that of the input poses, y up",
    joint_positions=True,
    simulated=take.simulated,
    notes=take.notes,
    facts=take.facts,
    truth_m=take.truth_m,
  )


def _own_features() -> Features:
  # librosa takes seconds to load.
  from bgm2pose_jax.systems.mapnet import audio_features

  return audio_features.features


def _said(
  refiner: Refiner,
  rate_hz: float,
  frames: int,
  placing: training_frame.Placing,
  gaps: Sequence[bridging.Gaps],
  values: flags.FlagValues,
) -> Iterator[str]:
  """What was done to the poses before the network saw them, sentences."""
  if abs(rate_hz / refiner.input_hz - 1) > 0.01:
    yield (
      f"The input has {rate_hz:.4g} poses a second, the network takes"
      f" {refiner.input_hz:.4g}: they lie on a smooth curve through the input."
    )
  if frames < WINDOW_FRAMES:
    yield (
      f"The take is shorter than the network's"
      f" {WINDOW_FRAMES / FRAMES_PER_S:.0f} s; its last pose and sound fill"
      " them up."
    )
  if values.align == "yaw":
    yield (
      "The left toe was taken as origin and the person turned by"
      f" {np.degrees(placing.yaw_rad):.0f} degrees for the network; the result"
      " is turned back."
    )
  if gaps:
    listed = ", ".join(f"{each.joint} in {each.frames}" for each in gaps)
    longest_s = max(each.longest_s for each in gaps)
    yield (
      f"Joints that were not seen were bridged by straight lines: {listed}"
      f" poses; the longest gap is {longest_s:.2f} s."
    )
  else:
    yield "Every joint was seen in every pose."


FROM_FILES = FromFiles(
  inputs={"poses": arrays_with_rate("positions"), "audio": write_sound},
  define_flags=define_flags,
  not_options=("checkpoint", "out"),
  predict=poses,
)
