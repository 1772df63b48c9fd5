"""How the body's response is cut into hops, chunks and frequencies.

Everything here is NumPy and happens once per recording; `body_response` does
the work that it lays out.
"""

from __future__ import annotations

import dataclasses
import math
from typing import NamedTuple

import numpy as np

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.simulate import octaves, room
from bgm2pose_jax.simulate.scene import Scene

BLOCK_HOPS = 4  # hops per lookup of A_k and F_p
PHASOR_BINS = 32  # exp(-i w tau) = coarse[f // 32] * fine[f % 32]
_FFT_SIZES = (768, 1024, 1536, 2048, 3072, 4096)
_RINGING_TAPS = 32  # what the roll-off at the ceiling spreads to either side


@dataclasses.dataclass(frozen=True)
class Spheres:
  """Moving rigid spheres.

  Attributes:
    centres_m: float [time, spheres, 3] on the pose clock.
    radius_class: int [spheres], index into `radii_m`.
    radii_m: radius of each class.
    forward_lobe: per class, False where a rectangle casts the shadow instead
      (`scattering`); None for True everywhere.
  """

  centres_m: np.ndarray
  radius_class: np.ndarray
  radii_m: tuple[float, ...]
  forward_lobe: tuple[bool, ...] | None = None


@dataclasses.dataclass(frozen=True)
class Rectangles:
  """Moving opaque rectangles on the direct and the floor path.

  Attributes:
    centres_m: float [time, rectangles, 3] on the pose clock.
    half_axes_m: float [time, rectangles, axes, 3], as `shadow` takes them.
  """

  centres_m: np.ndarray
  half_axes_m: np.ndarray


class Sizes(NamedTuple):
  """What one compiled chunk depends on.

  Attributes:
    hop: samples per hop.
    fft_size: samples per segment, hop crossfade plus longest delay.
    bins: frequencies that are computed, a multiple of 32.
    blocks: blocks of hops per chunk.
  """

  hop: int
  fft_size: int
  bins: int
  blocks: int

  @property
  def hops(self) -> int:
    """Hops per chunk."""
    return self.blocks * BLOCK_HOPS


@dataclasses.dataclass(frozen=True)
class Plan:
  """How a recording is cut up.

  Attributes:
    sizes: the sizes of a chunk.
    base_delay: samples of delay common to all paths, taken out of them.
    sample_rate_hz: the sample rate of music and recording.
    ceiling_hz: end of the roll-off.
  """

  sizes: Sizes
  base_delay: int
  sample_rate_hz: int
  ceiling_hz: float

  @property
  def freqs_hz(self) -> np.ndarray:
    """Frequencies of the computed bins, float64 [bins]."""
    bins = np.arange(self.sizes.bins)
    return bins * self.sample_rate_hz / self.sizes.fft_size

  @property
  def gain(self) -> np.ndarray:
    """Raised-cosine roll-off over the last tenth below the ceiling."""
    start = 0.9 * self.ceiling_hz
    place = (self.freqs_hz - start) / (self.ceiling_hz - start)
    return 0.5 + 0.5 * np.cos(np.pi * np.clip(place, 0, 1))


def make_plan(scene: Scene, spheres: Spheres, chunk_s: float = 0.1) -> Plan:
  """Chooses the segment length from the longest path over the whole motion.

  Raises:
    InputError: if a path is too long for the largest segment.
  """
  rate = scene.sample_rate_hz
  hop = max(16, round(scene.body_hop_s * rate))
  per_m = rate / scene.speed_of_sound_m_s
  mic = np.asarray(scene.mic_m)
  sources, _ = light_sources(scene)
  direct = np.linalg.norm(np.asarray(scene.speakers_m) - mic, axis=-1)
  base = math.floor(direct.min() * per_m) - _RINGING_TAPS
  flat = spheres.centres_m.reshape(-1, 3)
  to_mic = np.linalg.norm(flat - mic, axis=-1)
  longest = max(
    float((to_mic + np.linalg.norm(flat - s, axis=-1)).max()) for s in sources
  )
  # A sphere answers for about 2 (pi + 2) radii / 2 after its centre's delay:
  # the wave that creeps round it.
  longest += 6 * max(spheres.radii_m)
  span = math.ceil(longest * per_m) - base + 2 * _RINGING_TAPS
  sizes = [size for size in _FFT_SIZES if size >= span + 2 * hop]
  if not sizes:
    raise InputError(
      "positions_m",
      f"a path of {longest:.1f} m from loudspeaker to microphone is too long",
      "keep the person in the room, in metres and scene axes",
    )
  size = sizes[0]
  ceiling = min(scene.body_ceiling_hz, 0.48 * rate)
  bins = math.ceil(ceiling * size / rate / PHASOR_BINS) * PHASOR_BINS
  blocks = max(1, round(chunk_s * rate / hop / BLOCK_HOPS))
  sizes = Sizes(hop, size, min(bins, size // 2), blocks)
  return Plan(sizes, base, rate, float(ceiling))


def light_sources(scene: Scene) -> tuple[np.ndarray, list[int]]:
  """What lights the body: positions [n, 3] and reflections of each."""
  speakers = np.asarray(scene.speakers_m)
  if not scene.body_floor_image:
    return speakers, [0] * len(speakers)
  images = speakers * np.array([1.0, -1.0, 1.0])
  order = [0] * len(speakers) + [1] * len(speakers)
  return np.concat([speakers, images]), order


def floor_gain(scene: Scene, freqs_hz: np.ndarray) -> np.ndarray:
  """Reflection of the floor, float64 [frequencies]."""
  floor = scene.wall_reflection()[2]
  if len(floor) == 1:
    return np.full(len(freqs_hz), floor[0])
  return floor @ octaves.octave_weights(freqs_hz)


def shadow_paths(scene: Scene, plan: Plan) -> dict[str, np.ndarray]:
  """Direct and floor path of each loudspeaker: where from, and its spectrum.

  Returns:
    source [paths * speaker, 3], spectrum complex [paths, speaker, bins] and
    encode [paths, speaker, 4]. The floor path is there when the static room
    has it (order 1 and up).
  """
  speakers = np.asarray(scene.speakers_m)
  freqs = plan.freqs_hz
  sources = [speakers]
  gains = [np.ones(len(freqs))]
  if scene.max_order > 0:
    sources.append(speakers * np.array([1.0, -1.0, 1.0]))
    gains.append(floor_gain(scene, freqs))
  position = np.stack(sources)
  offset = position - np.asarray(scene.mic_m)
  r = np.linalg.norm(offset, axis=-1, keepdims=True)
  delay = r / scene.speed_of_sound_m_s - plan.base_delay / plan.sample_rate_hz
  spectrum = np.exp(-2j * np.pi * freqs * delay) / r * np.stack(gains)[:, None]
  return {
    "source": position.reshape(-1, 3).astype(np.float32),
    "spectrum": spectrum.astype(np.complex64),
    "encode": room.encode_direction(offset / r, scene).astype(np.float32),
  }
