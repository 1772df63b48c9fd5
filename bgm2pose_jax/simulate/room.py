"""Static response of the empty room: image sources and a diffuse tail.

Image sources of a shoebox after Allen and Berkley, "Image method for
efficiently simulating small-room acoustics", JASA 65 (1979); every image is a
band-limited fractional delay, a gain 1/r and a first-order encoding of its
direction of arrival.
"""

from __future__ import annotations

import dataclasses
import functools
import math

import numpy as np

from bgm2pose_jax.simulate import diffuse_tail, loudspeaker, octaves
from bgm2pose_jax.simulate.scene import AXES, FORMATS, OCTAVES_HZ, Scene

# Half length of the fractional-delay kernel. 64 samples with this Kaiser
# window keep the passband flat to -80 dB up to 0.45 of the sample rate.
_HALF_TAPS = 64
_KAISER_BETA = 8.0


@dataclasses.dataclass(frozen=True)
class ImageSources:
  """Image sources of one loudspeaker.

  Attributes:
    positions_m: float64 [images, 3], the loudspeaker itself first.
    mirrors: float64 [images, 3], -1 along axes that an image is mirrored in.
    gains: float64 [images, bands], product of the wall reflections.
    order: int [images], number of reflections.
  """

  positions_m: np.ndarray
  mirrors: np.ndarray
  gains: np.ndarray
  order: np.ndarray


def encode_direction(unit_vectors: np.ndarray, scene: Scene) -> np.ndarray:
  """First-order gains W, X, Y, Z of plane waves.

  Args:
    unit_vectors: [..., 3], from the microphone towards where the sound comes
      from, in scene axes.
    scene: names the format and the map from scene axes to X, Y, Z.

  Returns:
    [..., 4] gains in the order W, X, Y, Z.
  """
  gain_w, matrix = encoding(scene)
  xyz = unit_vectors @ matrix.T
  return np.concat([np.full_like(xyz[..., :1], gain_w), xyz], axis=-1)


def encoding(scene: Scene) -> tuple[float, np.ndarray]:
  """Gain of W, and the [3, 3] map from a unit direction to X, Y, Z."""
  gain_w, gain_xyz = FORMATS[scene.format]
  return gain_w, gain_xyz * np.asarray(AXES[scene.axes])


def image_sources(scene: Scene, speaker: int) -> ImageSources:
  """Image sources of one loudspeaker up to `scene.max_order` reflections."""
  low, high = scene.room_corners_m()
  size = high - low
  source = np.asarray(scene.speakers_m[speaker]) - low
  order = scene.max_order
  index = np.arange(-order, order + 1)
  grid = np.stack(np.meshgrid(index, index, index, indexing="ij"), -1)
  grid = grid.reshape(-1, 3)
  total = np.abs(grid).sum(1)
  grid = grid[total <= order]
  total = total[total <= order]
  grid = grid[np.argsort(total, kind="stable")]
  position, gains = mirrored(grid, source, size, scene.wall_reflection())
  return ImageSources(
    position + low,
    np.where(grid % 2, -1.0, 1.0),
    gains,
    np.sort(total, kind="stable"),
  )


def mirrored(
  grid: np.ndarray, source_m: np.ndarray, size_m: np.ndarray, walls: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
  """Images of a source in a shoebox whose lowest corner is the origin.

  Along one axis the image with index i lies at 2 ceil(i/2) L + (-1)^i x; it
  met the far wall ceil(i/2) times and the near one floor(i/2) times.

  Args:
    grid: int [images, 3], an index i for each axis; 0 is the source itself.
    source_m: [3].
    size_m: [3], lengths L of the room.
    walls: [6, bands], reflection of the near and the far wall of each axis.

  Returns:
    Positions, float64 [images, 3], and gains, float64 [images, bands].
  """
  half = (grid + np.where(grid % 2, 1, 0)) // 2
  position = 2 * half * size_m + np.where(grid % 2, -source_m, source_m)
  far = np.abs(half)
  near = np.abs(grid) - far
  gains = np.ones((len(grid), walls.shape[1]))
  for axis in range(3):
    gains *= walls[2 * axis] ** near[:, axis, None]
    gains *= walls[2 * axis + 1] ** far[:, axis, None]
  return position, gains


def _add_delays(out: np.ndarray, delays: np.ndarray, gains: np.ndarray) -> None:
  """Adds band-limited impulses: out [rows, taps], gains [images, rows]."""
  taps = out.shape[1]
  centre = np.floor(delays).astype(np.int64)
  offset = np.arange(-_HALF_TAPS + 1, _HALF_TAPS + 1)
  t = offset - (delays - centre)[:, None]
  window = np.i0(
    _KAISER_BETA * np.sqrt(np.clip(1 - (t / _HALF_TAPS) ** 2, 0, 1))
  )
  kernel = np.sinc(t) * window / np.i0(_KAISER_BETA)
  where = centre[:, None] + offset
  # A source closer than the half kernel (0.5 m) loses its pre-ringing.
  keep = (where >= 0) & (where < taps)
  kernel = np.where(keep, kernel, 0.0)
  where = np.where(keep, where, 0)
  for row in range(out.shape[0]):
    np.add.at(out[row], where, kernel * gains[:, row, None])


def image_response(scene: Scene) -> np.ndarray:
  """Impulse responses of the image sources alone.

  Returns:
    float64 [speaker, 4, taps]; a source at distance r arrives r/c after
    tap 0 with amplitude 1/r (W gain by `scene.format`).
  """
  rate = scene.sample_rate_hz
  mic = np.asarray(scene.mic_m)
  images = [image_sources(scene, s) for s in range(len(scene.speakers_m))]
  offsets = [image.positions_m - mic for image in images]
  radii = [np.linalg.norm(offset, axis=1) for offset in offsets]
  farthest = max(r.max() for r in radii)
  taps = math.ceil(farthest / scene.speed_of_sound_m_s * rate) + _HALF_TAPS + 1
  out = np.zeros((len(images), 4, taps))
  for s, (image, offset, r) in enumerate(zip(images, offsets, radii)):
    delays = r / scene.speed_of_sound_m_s * rate
    encode = encode_direction(offset / r[:, None], scene) / r[:, None]
    gains = image.gains
    if scene.loudspeaker is not None:
      # The angle at which an image's sound left the loudspeaker.
      axis = loudspeaker.axes(scene)[s] * image.mirrors
      cosine = np.sum(-offset / r[:, None] * axis, -1)
      gains = gains * loudspeaker.directional_gain(scene.loudspeaker, cosine)
    bands = gains.shape[1]
    # Octave weights smear in time: pad, filter, cut.
    size = taps if bands == 1 else 2 * taps
    train = np.zeros((bands, 4, size))
    for band in range(bands):
      _add_delays(train[band], delays, encode * gains[:, band, None])
    if bands > 1:
      spectrum = np.fft.rfft(train, axis=-1)
      weights = octaves.octave_weights(np.fft.rfftfreq(size, 1 / rate))
      mixed = (spectrum * weights[:, None]).sum(0)
      train[0] = np.fft.irfft(mixed, size, axis=-1)
    out[s] = train[0, :, :taps]
  return out


def static_response(scene: Scene, loss: np.ndarray | float = 0.0) -> np.ndarray:
  """Response of the room: image sources plus the diffuse tail.

  Args:
    scene: the room.
    loss: energy that people scatter out of the tail, 1/s, for each octave
      (`late_field.loss_per_s`); 0 is the empty room.

  Returns:
    float64 [speaker, 4, taps] at `scene.sample_rate_hz`, channels W X Y Z;
    read-only.
  """
  own = np.broadcast_to(np.asarray(loss, np.float64), (len(OCTAVES_HZ),))
  return _static_response(scene, tuple(own.tolist()))


# Of a room's recordings each needs it again; they take a second of tail.
@functools.lru_cache(maxsize=4)
def _static_response(scene: Scene, loss: tuple[float, ...]) -> np.ndarray:
  images = image_response(scene)
  if scene.tail is None:
    images.setflags(write=False)
    return images
  tail = diffuse_tail.still_tail(scene, np.array(loss))
  taps = max(images.shape[-1], tail.shape[-1])
  out = np.zeros((*images.shape[:2], taps))
  out[..., : images.shape[-1]] += images
  out[..., : tail.shape[-1]] += tail
  out.setflags(write=False)
  return out
