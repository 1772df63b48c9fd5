"""What a person does to the late field of a room, derived and not guessed.

In a diffuse field of intensity I a body of scattering cross-section s takes
s I out of what passes and gives it to the field again. In a room of volume V
each metre of path loses s/V to the body, so after a time t the share

  1 - exp(-s c t / V)

of the energy has been at the body, and changes when the body moves; this is
how fish in tanks and people in rooms were counted from reverberation (J. de
Rosny and P. Roux, JASA 109, 2587, 2001; S. G. Conti et al., Appl. Phys. Lett.
84, 819, 2004). With t = .4 s and s = 1 m2 a room of 144 m3 has changed by 61 %.

The field is rendered with the body's own spheres. Sound reaches the body from
`DIRECTIONS` directions, each a seeded decaying noise, and leaves it towards as
many, each followed by a seeded decaying noise on its way to the microphone.
A loudspeaker of pressure 1/r at r metres gives the tail's energy L, in 1/m2, at
every place, also at the body. What the body sends on with an amplitude of A
metres is a source of A/r, and its tail has the energy that a room of volume V
and decay rate d gives any source, R = 4 pi c / (V d) (Kuttruff, Room
Acoustics, chapter 5); L is less where loudspeakers are directive. So the
energies are

  loudspeaker, body, tail, microphone:        |A|^2 R / d1^2
  loudspeaker, tail, body, microphone:        |A|^2 L / d2^2
  loudspeaker, tail, body, tail, microphone:  |A|^2 L R

with A the sum of all spheres' amplitudes, each with the phase of its place,
at the centre of each octave. Two tails in a row remember where the body was
while they last. Within an octave A is taken for the same: over frequency it is
as random as the tails.

Not in it: absorption by the body, echoes between its parts, and two visits to
the body by one path. What the body takes out of the still tail is (`room`).
"""

from __future__ import annotations

import dataclasses
import functools
import math

import numpy as np
import scipy.fft

from bgm2pose_jax.simulate import diffuse_tail, octaves, room, sphere_series
from bgm2pose_jax.simulate.fast_convolution import convolve
from bgm2pose_jax.simulate.response_plan import Spheres
from bgm2pose_jax.simulate.scene import OCTAVES_HZ, Scene

DIRECTIONS = 8
_CHUNK_HOPS = 1024
# Steps of the scattering angle's cosine: the forward lobe of a torso's sphere
# at 8 kHz is .0015 wide.
_COSINES = 8193
# The octave filters ring over this time.
_RINGING_S = 0.05


@dataclasses.dataclass(frozen=True)
class _Ways:
  """Pairs of directions of sound before and after the body.

  Attributes:
    towards: unit vectors [pair, 3].
    away: unit vectors [pair, 3].
    weights: what a pair counts, [pair]; their mean is 1 over all directions.
  """

  towards: np.ndarray
  away: np.ndarray
  weights: np.ndarray


def _ways(seed: int, count: int = DIRECTIONS) -> _Ways:
  """Pairs from all sides, more of them by small angles.

  A body's forward lobe holds half of what it scatters and is a few degrees
  wide. So sin(angle / 2) is v^2 with even steps of v, and a pair counts 4 v^3,
  the share of the sphere that a step of v covers.
  """
  key = np.array([seed, 0x1A7E], np.uint64)
  rng = np.random.Generator(np.random.Philox(key=key))
  index = np.arange(count) + 0.5
  height = 1 - 2 * index / count
  angle = np.pi * (1 + math.sqrt(5)) * index
  level = np.sqrt(1 - height**2)
  even = np.stack([level * np.cos(angle), height, level * np.sin(angle)], -1)
  turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
  towards = rng.permutation(even @ turn)
  aside = np.cross(towards, rng.normal(size=(count, 3)))
  aside /= np.linalg.norm(aside, axis=-1, keepdims=True)
  v = index / count
  cosine = (1 - 2 * v**4)[:, None]
  away = cosine * towards + np.sqrt(1 - cosine**2) * aside
  return _Ways(towards, away, 4 * v**3)


@dataclasses.dataclass(frozen=True)
class Amplitudes:
  """How the spheres of a body scatter at the octaves' centres.

  Attributes:
    wavenumbers: 1/m, float64 [octave].
    rows: amplitude in metres, complex64 [octave, radius class, cosine], at even
      steps of the scattering angle's cosine from -1 to 1; exp(-i w t).
  """

  wavenumbers: np.ndarray
  rows: np.ndarray

  @classmethod
  def of(cls, spheres: Spheres, sound_speed_m_s: float) -> Amplitudes:
    """The far field of rigid spheres (`sphere_series`).

    Args:
      spheres: the body. Their forward lobes are all there: nothing else
        shadows the late field.
      sound_speed_m_s: speed of sound.
    """
    return _amplitudes(tuple(spheres.radii_m), sound_speed_m_s)

  def at(
    self, cosine: np.ndarray, octave: int, which: np.ndarray
  ) -> np.ndarray:
    """Amplitudes at the nearest of the steps.

    Args:
      cosine: of the scattering angle, [..., spheres]; 1 is forward.
      octave: index of the octave.
      which: radius class of each sphere, [spheres].
    """
    steps = self.rows.shape[-1] - 1
    place = np.rint((np.clip(cosine, -1, 1) + 1) * (steps / 2)).astype(np.int32)
    return self.rows[octave, which, place]


@functools.lru_cache(maxsize=8)
def _amplitudes(radii_m: tuple[float, ...], speed: float) -> Amplitudes:
  k = 2 * np.pi * np.asarray(OCTAVES_HZ) / speed
  ka = np.outer(k, radii_m)
  waves = sphere_series.partial_waves(ka.ravel())
  legendre = sphere_series.legendre(np.linspace(-1, 1, _COSINES), len(waves))
  rows = (legendre.T @ waves).T.reshape(*ka.shape, _COSINES)
  return Amplitudes(k, (rows * (1j / k)[:, None, None]).astype(np.complex64))


def cross_section_m2(spheres: Spheres, scene: Scene) -> np.ndarray:
  """Scattering cross-section of a body in each octave.

  That of its first pose: 4 pi times the mean of the squared amplitude over
  512 pairs of directions.

  Returns:
    float64 [octave of `OCTAVES_HZ`].
  """
  ways = _ways(0, 512)
  series = Amplitudes.of(spheres, scene.speed_of_sound_m_s)
  centres = np.asarray(spheres.centres_m[:1], np.float64)
  found = _towards_ways(series, spheres, centres, ways)
  return 4 * np.pi * np.mean(np.abs(found) ** 2 * ways.weights, axis=(1, 2))


def loss_per_s(spheres: Spheres, scene: Scene) -> np.ndarray:
  """What a body scatters out of the room's still tail: s c / V, in 1/s.

  Returns:
    float64 [octave of `OCTAVES_HZ`]; zeros where nothing is stirred.
  """
  tail = scene.tail
  if tail is None or tail.stirred == 0:
    return np.zeros(len(OCTAVES_HZ))
  volume_m3 = math.prod(scene.room_m)
  rate = scene.speed_of_sound_m_s / volume_m3
  return tail.stirred * rate * cross_section_m2(spheres, scene)


def _towards_ways(
  series: Amplitudes,
  spheres: Spheres,
  centres_m: np.ndarray,
  ways: _Ways,
) -> np.ndarray:
  """Amplitude of the body between pairs of plane waves.

  Args:
    series: how its spheres scatter.
    spheres: names their radii.
    centres_m: [time, spheres, 3].
    ways: the pairs.

  Returns:
    complex128 [octave, time, pair] in metres, exp(-i w t).
  """
  change = np.asarray(ways.towards - ways.away, np.float32)
  phase = np.einsum("tkx,px->tpk", centres_m, change)
  cosine = np.einsum("px,px->p", ways.towards, ways.away)
  cosine = np.broadcast_to(cosine[:, None], phase.shape[1:])
  out = []
  for octave, k in enumerate(series.wavenumbers):
    own = series.at(cosine, octave, spheres.radius_class)
    out.append(np.sum(own * _turn(k * phase), -1))
  return np.stack(out)


def _turn(phase: np.ndarray) -> np.ndarray:
  """exp(i phase), complex64."""
  phase = np.asarray(phase, np.float32)
  out = np.empty(phase.shape, np.complex64)
  np.cos(phase, out=out.real)
  np.sin(phase, out=out.imag)
  return out


def _from_point(
  series: Amplitudes,
  spheres: Spheres,
  centres_m: np.ndarray,
  point_m: np.ndarray,
  ways: np.ndarray,
  incoming: bool,
) -> tuple[np.ndarray, np.ndarray]:
  """Amplitude of each sphere between a point and plane waves.

  Args:
    series: how the spheres scatter.
    spheres: names their radii.
    centres_m: [time, spheres, 3].
    point_m: loudspeaker or microphone, [3].
    ways: directions of travel, [way, 3].
    incoming: the point sends, the waves go away; else the other way round.

  Returns:
    complex128 [octave, time, way, spheres] in 1, with 1/distance and the phase
    of the distance; and the unit vectors from the point, [time, spheres, 3].
  """
  offset = centres_m - np.asarray(point_m, np.float32)
  distance = np.linalg.norm(offset, axis=-1)
  nearest = 1.15 * np.asarray(spheres.radii_m)[spheres.radius_class]
  unit = offset / np.maximum(distance, 1e-6)[..., None]
  distance = np.maximum(distance, nearest.astype(np.float32))
  sign = 1 if incoming else -1
  ways = np.asarray(ways, np.float32)
  cosine = sign * np.einsum("tkx,wx->twk", unit, ways)
  phase = distance[:, None] - sign * np.einsum("tkx,wx->twk", centres_m, ways)
  out = []
  for octave, k in enumerate(series.wavenumbers):
    own = series.at(cosine, octave, spheres.radius_class)
    out.append(own * _turn(k * phase) / distance[:, None])
  return np.stack(out), unit


@functools.lru_cache(maxsize=2)
def _taps(scene: Scene) -> tuple[np.ndarray, np.ndarray]:
  """Decaying noises on the way to a body and from it.

  Returns:
    float32 [speaker, DIRECTIONS, taps] and [DIRECTIONS, 4, taps].
  """
  tail = scene.tail
  assert tail is not None
  key = np.array([tail.seed, 0x57DE], np.uint64)
  rng = np.random.Generator(np.random.Philox(key=key))
  rate = scene.sample_rate_hz
  taps = math.ceil((tail.start_s + 1.1 * tail.longest_s) * rate)
  decay = diffuse_tail.decay_per_s(tail)
  # From a body half way to the microphone.
  passed_s = diffuse_tail.direct_delay_s(scene).mean() / 2 + tail.start_s
  own = diffuse_tail.room_energy(scene) * np.exp(-decay * passed_s)
  to_body, from_body = (
    diffuse_tail.decaying_noise(
      rng, shape, rate, decay, energy / DIRECTIONS, tail.start_s
    )
    for shape, energy in (
      ((len(scene.speakers_m), DIRECTIONS, taps), diffuse_tail.energy(scene)),
      ((DIRECTIONS, 4, taps), own),
    )
  )
  from_body *= diffuse_tail.channel_gains(scene)[:, None]
  return to_body.astype(np.float32), from_body.astype(np.float32)


class _Stirring:
  """The body's part of the late field, as gains of octaves hop by hop."""

  def __init__(self, scene: Scene, spheres: Spheres):
    tail = scene.tail
    assert tail is not None
    self.scene, self.spheres = scene, spheres
    self.series = Amplitudes.of(spheres, scene.speed_of_sound_m_s)
    self.ways = _ways(tail.seed)
    self.scale = math.sqrt(tail.stirred)
    first = np.asarray(spheres.centres_m[0])
    per_m = scene.sample_rate_hz / scene.speed_of_sound_m_s
    # Travel that all spheres share is a whole delay; phases hold the rest.
    self.in_delay, self.out_delay = (
      round(float(np.linalg.norm(first - point, axis=-1).mean() * per_m))
      for point in (np.mean(scene.speakers_m, axis=0), scene.mic_m)
    )

  def gains(self, centres_m: np.ndarray) -> np.ndarray:
    """Gains from what reaches the body to what leaves it.

    Args:
      centres_m: [hop, spheres, 3].

    Returns:
      complex64 [hop, DIRECTIONS + 4, DIRECTIONS + speaker, octave], for
      analytic signals of exp(+i w t). Rows are the waves that leave, and the
      microphone's channels; columns the waves that arrive, and the
      loudspeakers.
    """
    scene, spheres, ways = self.scene, self.spheres, self.ways
    speakers = len(scene.speakers_m)
    shape = (len(OCTAVES_HZ), len(centres_m), DIRECTIONS + 4,
             DIRECTIONS + speakers)  # fmt: skip
    out = np.zeros(shape, np.complex64)
    # One of the pairs of ways stands for as many as there are ways.
    pairs = _towards_ways(self.series, spheres, centres_m, ways)
    own = np.arange(DIRECTIONS)
    out[:, :, own, own] = np.sqrt(DIRECTIONS * ways.weights) * pairs
    per_m = scene.sample_rate_hz / scene.speed_of_sound_m_s
    k = self.series.wavenumbers[:, None, None]
    for s, speaker in enumerate(np.asarray(scene.speakers_m)):
      lit, _ = _from_point(
        self.series, spheres, centres_m, speaker, ways.away, True
      )
      shared = np.exp(-1j * k * self.in_delay / per_m)
      out[:, :, :DIRECTIONS, DIRECTIONS + s] = lit.sum(-1) * shared
    seen, unit = _from_point(
      self.series, spheres, centres_m, np.asarray(scene.mic_m), ways.towards,
      False,
    )  # fmt: skip
    encode = room.encode_direction(unit, scene).astype(np.float32)
    shared = np.exp(-1j * k * self.out_delay / per_m)[..., None]
    out[:, :, DIRECTIONS:, :DIRECTIONS] = (
      np.einsum("otwk,tkc->otcw", seen, encode, optimize=True) * shared
    )
    return np.conj(np.moveaxis(out, 0, -1)) * np.float32(self.scale)


def late_field(
  scene: Scene, music: np.ndarray, spheres: Spheres, pose_rate_hz: float
) -> np.ndarray:
  """What a body adds to the late field of a room.

  Args:
    scene: the room; without a tail, or with one that is not stirred, nothing is
      added.
    music: [speaker, samples] at the scene's rate.
    spheres: the moving body.
    pose_rate_hz: rate of its positions.

  Returns:
    float32 [4, samples], W X Y Z.
  """
  samples = music.shape[1]
  if scene.tail is None or scene.tail.stirred == 0:
    return np.zeros((4, samples), np.float32)
  stirring = _Stirring(scene, spheres)
  to_body, from_body = _taps(scene)
  arriving = _late(
    np.concatenate([convolve(music, to_body), music]), stirring.in_delay
  )
  leaving = np.empty((DIRECTIONS + 4, samples), np.float32)
  rate = scene.sample_rate_hz
  hop = max(16, round(scene.body_hop_s * rate))
  chunk = _CHUNK_HOPS * hop
  for start in range(0, samples, chunk):
    count = min(chunk, samples - start)
    hops = math.ceil(count / hop)
    when = (start + hop * np.arange(hops + 1)) / rate * pose_rate_hz
    gains = stirring.gains(_centres(spheres, when))
    bands = _analytic(arriving, start, hops * hop, rate)
    leaving[:, start : start + count] = _crossfaded(gains, bands, hop)[
      :, :count
    ]
  seen = _late(leaving[DIRECTIONS:], stirring.out_delay)
  left = convolve(_late(leaving[:DIRECTIONS], stirring.out_delay), from_body)
  return seen + left


def _late(signals: np.ndarray, samples: int) -> np.ndarray:
  """Signals [..., n] delayed by whole samples, as long as they were."""
  out = np.zeros(signals.shape, np.float32)
  if samples < signals.shape[-1]:
    out[..., samples:] = signals[..., : signals.shape[-1] - samples]
  return out


def _centres(spheres: Spheres, frames: np.ndarray) -> np.ndarray:
  """Centres at fractional frames, held beyond the ends, float32."""
  centres = np.asarray(spheres.centres_m, np.float32)
  last = len(centres) - 1
  frames = np.clip(frames, 0, last)
  before = np.minimum(frames.astype(np.int64), max(last - 1, 0))
  part = (frames - before)[:, None, None].astype(np.float32)
  after = np.minimum(before + 1, last)
  return centres[before] * (1 - part) + centres[after] * part


def _analytic(
  signals: np.ndarray, start: int, count: int, rate_hz: int
) -> np.ndarray:
  """A stretch of signals as analytic octaves, complex64 [signal, octave, n]."""
  ringing = round(_RINGING_S * rate_hz)
  size = int(scipy.fft.next_fast_len(count + 2 * ringing) or 0)
  low = start - ringing
  stretch = np.zeros((len(signals), size), np.float32)
  first, last = max(0, low), min(signals.shape[1], low + size)
  stretch[:, first - low : last - low] = signals[:, first:last]
  spectrum = np.asarray(scipy.fft.fft(stretch, axis=-1))
  freqs = np.fft.fftfreq(size, 1 / rate_hz)
  # A smooth end at the highest frequency: a step there rings for long.
  end = 0.5 + 0.5 * np.cos(np.pi * np.clip(freqs / rate_hz * 20 - 9, 0, 1))
  # Gains of two octaves are as good as independent: their powers add up to 1.
  weights = np.sqrt(octaves.octave_weights(np.maximum(freqs, 0)))
  weights *= 2 * end * (freqs > 0)
  bands = spectrum[:, None] * weights.astype(np.float32)
  bands = np.asarray(scipy.fft.ifft(bands, axis=-1, overwrite_x=True))
  return bands[..., ringing : ringing + count]


def _crossfaded(gains: np.ndarray, bands: np.ndarray, hop: int) -> np.ndarray:
  """Real part of gains times bands, gains joined linearly from hop to hop.

  Args:
    gains: complex [hops + 1, row, signal, octave].
    bands: complex [signal, octave, hops * hop].
    hop: samples.

  Returns:
    float32 [row, hops * hop].
  """
  hops, rows = len(gains) - 1, gains.shape[1]
  flat = gains.reshape(hops + 1, rows, -1)
  both = np.concatenate([flat.real, -flat.imag], -1)
  heard = bands.reshape(-1, hops, hop)
  heard = np.concatenate([heard.real, heard.imag]).swapaxes(0, 1)
  heard = np.ascontiguousarray(heard)
  ramp = np.arange(hop, dtype=np.float32) / hop
  out = np.matmul(both[:-1], heard) * (1 - ramp)
  out += np.matmul(both[1:], heard) * ramp
  return out.swapaxes(0, 1).reshape(rows, -1)
