"""One simulated recording in memory: a person who moves while music plays."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence

import numpy as np

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.simulate import motion, music, recorder, scene_file
from bgm2pose_jax.simulate.scene import Scene

# Of full scale. The person adds a few decibels at most.
_EMPTY_ROOM_PEAK = 0.4
_POSE_RATE_HZ = 120.0


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Recording:
  """What a microphone in a simulated room recorded, and what is true.

  Attributes:
    recording: (float32 [4, samples] W X Y Z, rate in Hz).
    music: (float32 [2, samples], rate in Hz), on the recording's clock.
    positions_m: float32 [time, joint=21, 3], metres: y up, floor at y = 0,
      origin between loudspeakers and microphone.
    pose_rate_hz: poses a second; the first is at the recording's start.
    labels: (start_s, end_s, what the person does) in order of time.
    scene: the room.
  """

  recording: tuple[np.ndarray, int]
  music: tuple[np.ndarray, int]
  positions_m: np.ndarray
  pose_rate_hz: float
  labels: Sequence[tuple[float, float, str]]
  scene: Scene

  @property
  def seconds(self) -> float:
    """Length of the recording in seconds."""
    samples, rate_hz = self.recording
    return samples.shape[1] / rate_hz

  def __repr__(self) -> str:
    return (
      f"<simulated recording of {self.seconds:.1f} s,"
      f" {len(self.positions_m)} true poses>"
    )


def record(
  played: str | os.PathLike[str] = "haze",
  *,
  seconds: float = 10.0,
  positions_m: np.ndarray | None = None,
  pose_rate_hz: float = _POSE_RATE_HZ,
  person: str = "1",
  seed: int = 0,
  scene: Scene | str | None = None,
) -> Recording:
  """Simulates one recording.

  Args:
    played: a composed piece (`music.COMPOSED` names them), or a sound file.
    seconds: length; a file is cut to it or looped up to it.
    positions_m: [time, joint=21, 3], who moves where, in the frame of
      `Recording.positions_m`; None lets a procedural person act.
    pose_rate_hz: poses a second.
    person: name of the procedural person; a name gives the same one each time.
    seed: of person, motion, composed music and noise.
    scene: the room, or a JSON file that `scene_file.read` takes.

  Returns:
    The recording. The same arguments give the same samples.

  Raises:
    InputError: an unknown piece, an unusable file, or no sound at all.

  >>> heard = record("haze", seconds=1)
  >>> heard
  <simulated recording of 1.0 s, 120 true poses>
  >>> samples, rate_hz = heard.recording
  >>> samples.shape, rate_hz
  ((4, 48000), 48000)
  """
  if scene is None or isinstance(scene, str):
    scene = scene_file.read(scene)
  if not 0 < seconds < 86_400:
    raise InputError("seconds", f"is {seconds}", "give a length above 0")
  rate_hz = scene.sample_rate_hz
  if str(played) in music.COMPOSED:
    sound = music.compose(str(played), seconds, seed, rate_hz)
  elif os.path.exists(played):
    sound = music.load_music(os.fspath(played), seconds, rate_hz)
  else:
    raise InputError(
      f"music {str(played)!r}",
      "is no file and no composed piece",
      f"give a sound file, or one of {', '.join(music.COMPOSED)}",
    )
  names = person, str(played)
  labels: Sequence[tuple[float, float, str]] = ()
  if positions_m is None:
    acted = motion.perform(
      motion.subject_style(person, seed),
      seconds,
      motion.random_stream(seed, "motion", *names),
      pose_rate_hz,
    )
    positions_m, labels = acted.positions_m, acted.labels
  noise_seed = motion.random_stream(seed, "noise", *names).integers(2**31)
  signal = level_gain(scene, sound) * recorder.render(
    scene, sound, positions_m, pose_rate_hz, seed=int(noise_seed)
  )
  return Recording(
    recording=(signal, rate_hz),
    music=(sound, rate_hz),
    positions_m=np.asarray(positions_m, np.float32),
    pose_rate_hz=pose_rate_hz,
    labels=labels,
    scene=scene,
  )


def level_gain(scene: Scene, sound: np.ndarray) -> float:
  """What takes the empty room's recording to a fixed peak.

  It depends on the music and the room alone: a gain of each recording's own
  would carry the pose.

  Args:
    scene: the room; its noise is left out.
    sound: float32 [2, samples].
  """
  quiet = dataclasses.replace(scene, noise="none")
  peak = float(np.abs(recorder.static_recording(quiet, sound)).max())
  return _EMPTY_ROOM_PEAK / max(peak, 1e-9)
