"""Which music a network was trained on, and whether a file is of it.

A fingerprint has 32 signs for each tenth of a second: whether a band is louder
than it is usually within four seconds, beyond what all bands do alike. It
follows Haitsma and Kalker (ISMIR 2002), with narrower bands: drums of one
manner are alike in many pieces, chords and melodies are less so. Such
signs survive another level, another equaliser and lossy compression. The
training's come from the music channels of its features, so that they need no
sound; a file's are computed at several places within a tenth of a second, for
nobody knows where the training's lie.
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import scipy.fft
import scipy.ndimage

from bgm2pose_jax.audio import mel
from bgm2pose_jax.audio.audio_files import SAMPLE_RATE_HZ
from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.systems.bgm2pose.features import music_kernel
from bgm2pose_jax.systems.bgm2pose.features.spec import FeatureSpec
from bgm2pose_jax.systems.bgm2pose.table import MusicWindows

# What was made in another way is not compared.
METHOD = 1
_FRAME_SAMPLES = 2400
_HOP_FRAMES = 2
# Compression keeps these; the music of most loudspeakers has them. As wide as
# a mel band of the coarser feature set.
_EDGES_HZ = mel.mel_to_hz(
  np.linspace(mel.hz_to_mel(200.0), mel.hz_to_mel(5000.0), 33)
)
_BANDS = len(_EDGES_HZ) - 1
_USUAL_HOPS = 41
# Twenty minutes of each piece.
_MOST_HOPS = 12_000
_SHIFTS = 4
_EXCERPT_HOPS, _EXCERPTS = 120, 6
_FEWEST_HOPS = 30
# Less than this says nothing, more says no more, dB. Drones move that little.
_LEAST_DB, _MOST_DB = 0.1, 6.0
# Below the loudest band: what lies lower is what compression left, or noise.
_RANGE_DB = 40.0
# Share of an excerpt's cells that have to say something.
_LEAST_SHARE = 0.1
# Agreement of an excerpt's signs (1: all, 0: by chance) with music that it is
# of: 0.96 and more for the same file in any place, 0.6 to 0.99 for what MP3, a
# mono version or noise 20 dB below made of it; drones fall below that. Other
# pieces of the same manner reach 0.4, with the same drums 0.55, and once 0.79.
_LEAST_AGREEMENT = 0.6
# Excerpts that have to agree, of all.
_MOST_SHARE, _PART_SHARE = 0.5, 0.26

IN_TRAINING = "in training"
PARTLY = "partly in training"
UNKNOWN = "not in training"
NOT_RECORDED = "not recorded"
TOO_SHORT = "too short to tell"


@dataclasses.dataclass(frozen=True)
class Recognised:
  """Whether music is of the training.

  Attributes:
    state: `IN_TRAINING`, `PARTLY`, `UNKNOWN`, `NOT_RECORDED` or `TOO_SHORT`.
    track: the training's music that most excerpts are of; None for none.
    excerpts, known: how many were compared, and are of the training.
    agreement: the best agreement of each excerpt, 0 (chance) to 1.
  """

  state: str
  track: str | None = None
  excerpts: int = 0
  known: int = 0
  agreement: tuple[float, ...] = ()

  def to_dict(self) -> dict[str, Any]:
    """Plain values that JSON can hold."""
    return {
      "state": self.state,
      "track": self.track,
      "excerpts": self.excerpts,
      "known": self.known,
      "agreement": [round(value, 3) for value in self.agreement],
    }


def of_training(table: MusicWindows, rows: np.ndarray) -> dict[str, Any] | None:
  """The fingerprints of a training's music, for model.json.

  Args:
    table: the windows.
    rows: int [n] training rows.

  Returns:
    {"method", "tracks": {track: signs as base64}}; None where the features
    have no music.
  """
  channels = table.spec.indices("music")
  if not channels or not len(rows):
    return None
  tracks = {}
  for code in np.unique(table.track[rows]):
    of_track = rows[table.track[rows] == code]
    # Recordings of one piece have the same music: the longest one says it.
    names, counts = np.unique(table.recording[of_track], return_counts=True)
    chosen = of_track[table.recording[of_track] == names[np.argmax(counts)]]
    levels = _of_windows(table, chosen, channels)
    packed = np.packbits(_above(levels) > 0, axis=None)
    name = table.tracks[int(code)]
    tracks[name] = base64.b64encode(packed.tobytes()).decode("ascii")
  return {"method": METHOD, "tracks": tracks}


def read(found: Any) -> dict[str, np.ndarray] | None:
  """Reads what `of_training` gave.

  Args:
    found: the value in model.json; None was not recorded.

  Returns:
    {track: signs [hop, band], 1 or -1}; None where nothing that can be
    compared was recorded.

  Raises:
    InputError: it is no such value.
  """
  if found is None:
    return None
  try:
    if found["method"] != METHOD:
      return None
    return {
      str(name): _unpacked(base64.b64decode(text, validate=True))
      for name, text in found["tracks"].items()
    }
  except (KeyError, TypeError, AttributeError, ValueError, binascii.Error):
    raise InputError("music", "holds no fingerprints", "train again") from None


def recognise(
  music: np.ndarray, spec: FeatureSpec, known: Mapping[str, Any] | None
) -> Recognised:
  """Compares music with that of a training.

  Args:
    music: [2, samples] at 48 kHz, an array or a mapped file.
    spec: the features that the network reads.
    known: what `read` returned.
  """
  if not known:
    return Recognised(NOT_RECORDED)
  found = []
  for excerpt in _excerpts(music, spec):
    best = {name: _agreement(excerpt, signs) for name, signs in known.items()}
    name = max(best, key=lambda each: best[each])
    found.append((best[name], name))
  if not found:
    return Recognised(TOO_SHORT)
  of = [name for value, name in found if value >= _LEAST_AGREEMENT]
  track = max(sorted(set(of)), key=of.count) if of else None
  share = len(of) / len(found)
  state = UNKNOWN
  if share >= _PART_SHARE:
    state = IN_TRAINING if share >= _MOST_SHARE else PARTLY
  else:
    track = None
  agreement = tuple(float(value) for value, _ in found)
  return Recognised(state, track, len(found), len(of), agreement)


def _of_windows(
  table: MusicWindows, rows: np.ndarray, channels: tuple[int, ...]
) -> np.ndarray:
  """Levels [hop, band] in dB from the music's beginning."""
  spec = table.spec
  size = spec.window_frames
  index = table.window_index[rows]
  frames = min(_MOST_HOPS * _HOP_FRAMES, (int(index.max()) + 1) * size)
  levels = np.zeros((frames, _BANDS))
  groups = _groups(spec.bands)
  for row, number in zip(rows.tolist(), index.tolist()):
    first = number * size
    if first < frames:
      heard = table.features[row][:, :, list(channels)].astype(np.float64)
      part = levels[first : first + size]
      part[:] = (np.mean(10 ** (heard / 10), axis=-1) @ groups)[: len(part)]
  return _levels(levels)


def _groups(bands: int) -> np.ndarray:
  """float64 [mel band, band]: mean over the mel bands of each band."""
  top = mel.hz_to_mel(SAMPLE_RATE_HZ / 2)
  centre_hz = mel.mel_to_hz(np.linspace(0, top, bands + 2)[1:-1])
  place = np.searchsorted(_EDGES_HZ, centre_hz) - 1
  inside = place[:, None] == np.arange(_BANDS)
  return inside / np.maximum(inside.sum(axis=0), 1)


def _levels(power: np.ndarray) -> np.ndarray:
  """Power [frames, band] -> dB [hop, band], no lower than `_RANGE_DB`."""
  count = len(power) // _HOP_FRAMES
  whole = power[: count * _HOP_FRAMES].reshape(count, _HOP_FRAMES, -1)
  level = 10 * np.log10(np.maximum(whole.mean(axis=1), mel.MIN_POWER))
  loudest = np.percentile(level.max(axis=1), 90)
  return np.maximum(level, loudest - _RANGE_DB)


def _above(levels: np.ndarray) -> np.ndarray:
  """[hop, band] dB -> dB above the usual, beyond what all bands are."""
  usual = scipy.ndimage.uniform_filter1d(
    levels, _USUAL_HOPS, axis=0, mode="nearest"
  )
  above = levels - usual
  return above - above.mean(axis=1, keepdims=True)


def _unpacked(packed: bytes) -> np.ndarray:
  bits = np.unpackbits(np.frombuffer(packed, np.uint8))
  return bits.reshape(-1, _BANDS) * 2.0 - 1.0


def _excerpts(music: np.ndarray, spec: FeatureSpec) -> list[np.ndarray]:
  """Levels above the usual, [shift, hop, band] of each telling excerpt."""
  hop = _HOP_FRAMES * _FRAME_SAMPLES
  hops = music.shape[1] // hop - 1
  size = min(_EXCERPT_HOPS, hops)
  if size < _FEWEST_HOPS:
    return []
  count = min(_EXCERPTS, hops // size)
  starts = np.linspace(0, hops - size, count)
  found = []
  for start in starts.round().astype(int):
    low = int(start) * hop
    part = np.asarray(music[:, low : low + (size + 1) * hop], np.float32)
    shifts = [
      _heard(part[:, n * hop // _SHIFTS :], size, spec) for n in range(_SHIFTS)
    ]
    if np.count_nonzero(shifts[0]) >= _LEAST_SHARE * size * _BANDS:
      found.append(np.stack(shifts))
  return found


def _heard(sound: np.ndarray, hops: int, spec: FeatureSpec) -> np.ndarray:
  """Levels above the usual [hop, band] of [2, samples]; 0 says nothing."""
  size = _FRAME_SAMPLES
  if spec.name == music_kernel.SPEC.name:
    size = round(music_kernel.WINDOW_S * SAMPLE_RATE_HZ)
  around = (size - _FRAME_SAMPLES) // 2
  padded = np.pad(sound, ((0, 0), (around, around)))
  cut = np.lib.stride_tricks.sliding_window_view(padded, size, axis=1)
  cut = cut[:, ::_FRAME_SAMPLES][:, : hops * _HOP_FRAMES]
  window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(size) / size)
  window = window.astype(np.float32)
  power = np.square(np.abs(np.fft.rfft(cut * window, axis=-1)))
  bands = power @ mel.mel_matrix(SAMPLE_RATE_HZ, size, spec.bands).T
  above = _above(_levels(bands.mean(axis=0) @ _groups(spec.bands)))
  above[np.abs(above) < _LEAST_DB] = 0
  return np.clip(above, -_MOST_DB, _MOST_DB)


def _agreement(excerpt: np.ndarray, signs: np.ndarray) -> float:
  """The best agreement of an excerpt anywhere in some music.

  Args:
    excerpt: levels above the usual [shift, hop, band], by which a sign weighs.
    signs: [hop, band], 1 or -1.
  """
  if len(signs) < _FEWEST_HOPS:
    return 0.0
  best = 0.0
  length = scipy.fft.next_fast_len(len(signs) + excerpt.shape[1])
  spectrum = np.fft.rfft(signs, length, axis=0)
  for each in excerpt:
    # Beyond the music's ends nothing agrees and nothing disagrees.
    own = np.fft.rfft(each[::-1], length, axis=0)
    sums = np.fft.irfft((spectrum * own).sum(axis=1), length)
    best = max(best, float(sums.max() / max(np.abs(each).sum(), 1e-9)))
  return best
