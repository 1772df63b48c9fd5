"""Features of sound as it comes in, the same as of a whole recording.

Sound goes in by `unit_frames`, features come out by `chunk_frames`, so that a
handful of compiled programs serves a stream however long it is.
"""

from __future__ import annotations

import math

import numpy as np

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.systems.bgm2pose.features import feature_sets
from bgm2pose_jax.systems.bgm2pose.features.extraction import extract_batch
from bgm2pose_jax.systems.bgm2pose.features.static_response import (
  StillRoom,
  power_density,
)
from bgm2pose_jax.systems.bgm2pose.predict.sound_pair import (
  FRAME_SAMPLES,
  SoundPair,
)
from bgm2pose_jax.systems.bgm2pose.still_room import (
  response_file,
  room_fit,
  room_stream,
)
from bgm2pose_jax.systems.bgm2pose.still_room.room_stream import (
  CausalRoom,
  FixedRoom,
)
from bgm2pose_jax.systems.bgm2pose.still_room.static_form import StaticForm
from bgm2pose_jax.systems.bgm2pose.window import WINDOW_FRAMES

# The static room is brought up to date, as in files, after so many frames.
PART_FRAMES = room_stream.UPDATE_WINDOWS * WINDOW_FRAMES


def check_form(form: StaticForm) -> None:
  """Refuses what a stream cannot learn the static room from.

  Raises:
    InputError: it looks at sound that has yet to come.
  """
  if form.kind not in ("causal", "file"):
    raise InputError(
      f"--static_response={form.kind}",
      "needs sound that a stream has not heard yet",
      "take causal, or a response file (bgm2pose_jax.data.response_file)",
    )


def make_room(form: StaticForm, pair: SoundPair) -> CausalRoom | FixedRoom:
  """The static room of a stream before its first sample.

  Args:
    form: `causal` or `file`.
    pair: the music to come and where it lies; of the recording only the
      length is read, that of the longest stream to be expected.
  """
  if form.path is None:
    return CausalRoom()
  response = response_file.read(form.path)
  # The music's usual power is known before it is played.
  sums = room_fit.correlations(pair.blocks())
  return FixedRoom(response, np.asarray(power_density(sums, response)))


class LiveFeatures:
  """Turns sound into features as soon as they can be known.

  Attributes:
    unit_frames: frames of sound that go in at once.
    chunk_frames: frames of features that come out at once.
    context_frames: frames of sound that features wait for.
  """

  def __init__(
    self,
    feature_set: str,
    hop_frames: int,
    room: CausalRoom | FixedRoom | None = None,
  ):
    """Starts before the first sample.

    Args:
      feature_set: name of the feature set.
      hop_frames: frames from one window to the next.
      room: the room for the sets that need the static one, see `make_room`.
    """
    named = feature_sets.get_feature_set(feature_set)
    self._name, self._room = feature_set, room
    context = named.spec.context_frames
    self.context_frames = context
    self.chunk_frames = math.gcd(hop_frames, WINDOW_FRAMES)
    # Nothing waits longer than for its context, where steps of the room allow.
    self.unit_frames = math.gcd(self.chunk_frames, context)
    if room is not None:
      self.unit_frames = room_stream.STEP_SAMPLES // FRAME_SAMPLES
    self._bands, self._channels = named.spec.bands, len(named.spec.channels)
    rows = 4 + 2 + (4 if named.needs_still else 0)
    # Recording, music and room; silence before the first sample.
    self._sound = np.zeros((rows, context * FRAME_SAMPLES), np.float32)
    self._in = self._out = 0  # frames
    self._densities: dict[int, np.ndarray] = {}
    self._behind = False

  def push(self, audio: np.ndarray, music: np.ndarray) -> np.ndarray:
    """Takes the next sound.

    Args:
      audio: float32 [4, unit_frames * 2400].
      music: float32 [2, unit_frames * 2400].

    Returns:
      float32 [m, f, c], the features that are now known, in order; m is a
      multiple of `chunk_frames` and may be 0.
    """
    self.settle()
    rows = [audio, music]
    if self._room is not None:
      still = self._room.still(audio, music)
      self._densities[self._in // PART_FRAMES] = still.density
      rows.append(still.sound)
    self._sound = np.concatenate([self._sound, np.concatenate(rows)], axis=-1)
    self._in += self.unit_frames
    self._behind = self._in % PART_FRAMES == 0
    return self._ready()

  def settle(self) -> None:
    """Work that no features wait for just now: learns the room."""
    if self._behind and self._room is not None:
      self._room.update()
    self._behind = False

  def flush(self, audio: np.ndarray, music: np.ndarray) -> np.ndarray:
    """The last features; silence is taken to follow.

    Args:
      audio: float32 [4, n * 2400], less than a unit, what is left of it.
      music: float32 [2, n * 2400].

    Returns:
      float32 [m, f, c], up to the last frame that was given.
    """
    frames = audio.shape[-1] // FRAME_SAMPLES
    end, first = self._in + frames, self._out
    found = []
    # As files are: whole windows, in which the room dies away.
    while frames or self._in % WINDOW_FRAMES:
      found.append(self.push(self._filled(audio), self._filled(music)))
      frames, audio, music = 0, audio[:, :0], music[:, :0]
    while self._out < end:
      silence = np.zeros((len(self._sound), FRAME_SAMPLES), np.float32)
      self._sound = np.concatenate([self._sound, silence], axis=-1)
      found.append(self._ready())
    return self._joined(found)[: end - first]

  def _filled(self, sound: np.ndarray) -> np.ndarray:
    missing = self.unit_frames * FRAME_SAMPLES - sound.shape[-1]
    return np.pad(sound, ((0, 0), (0, missing)))

  def _ready(self) -> np.ndarray:
    size = self.chunk_frames * FRAME_SAMPLES
    needed = size + 2 * self.context_frames * FRAME_SAMPLES
    found = []
    while self._sound.shape[-1] >= needed:
      found.append(self._extract(self._sound[:, :needed]))
      # A copy: what is done with is let go.
      self._sound = self._sound[:, size:].copy()
      self._out += self.chunk_frames
    return self._joined(found)

  def _extract(self, sound: np.ndarray) -> np.ndarray:
    rest = ()
    if self._room is not None:
      part = self._out // PART_FRAMES
      for older in [n for n in self._densities if n < part]:
        del self._densities[older]
      rest = (StillRoom(sound[6:], self._densities[part]),)
    made = extract_batch(sound[:4], sound[4:6], *rest, feature_set=self._name)
    return np.asarray(made)

  def _joined(self, found: list[np.ndarray]) -> np.ndarray:
    nothing = np.zeros((0, self._bands, self._channels), np.float32)
    return np.concatenate([nothing, *found])
