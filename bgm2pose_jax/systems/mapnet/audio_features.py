"""Sound of a take -> 35 features in each 20 ms, by librosa.

The sound is resampled to 25,600 Hz, so that a hop of 512 samples is one frame
of the poses. The calls, the order and the scaling are those of VioPose
(github.com/SeongJong-Yoo/VioPose), from MAPnet's laboratory; the list of
features is that of Shrestha et al. (arXiv 2203.12829). Frame i is centred on
sample 512 i.
"""

from __future__ import annotations

import dataclasses
import warnings

import librosa
import numpy as np

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.poses import body13
from bgm2pose_jax.systems.mapnet.take import WINDOW_FRAMES

HOP_SAMPLES = 512
SAMPLE_RATE_HZ = body13.FRAMES_PER_S * HOP_SAMPLES

_FFT_SAMPLES = 2048
_COEFFICIENTS = 20
_PITCHES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")


@dataclasses.dataclass(frozen=True)
class Column:
  """What one column of the features is.

  Attributes:
    name: unique among the columns.
    what: a sentence for readers.
    low: no value is below it.
    high: no value is above it.
    scaled: whether it is divided by its largest magnitude in the take.
  """

  name: str
  what: str
  low: float
  high: float
  scaled: bool


def _mfcc_column(order: int) -> Column:
  what = f"cosine {order} of the mel spectrum (128 bands, dB)"
  if order == 0:
    what = "sum of the mel spectrum (128 bands, dB): the level"
  return Column(f"mfcc_{order}", what, -1, 1, True)


COLUMNS: tuple[Column, ...] = (
  Column("onset", "mean rise of the mel bands since a frame ago", 0, 1, True),
  *(_mfcc_column(order) for order in range(_COEFFICIENTS)),
  *(
    Column(
      f"chroma_{name}",
      f"share of pitch class {name}, smoothed over 0.8 s; the 12 have norm 1",
      0,
      1,
      False,
    )
    for name in _PITCHES
  ),
  Column("peak", "1 where an onset is detected", 0, 1, False),
  Column("rms", "root mean square of 2048 samples", 0, 1, True),
)


def features(sound: np.ndarray, sample_rate_hz: int, frames: int) -> np.ndarray:
  """Features of a whole take; a window is a slice of them.

  A scaled column that is zero throughout stays zero. In silence all columns
  are zero but `mfcc_0`, which is -1.

  Args:
    sound: [n], mono, full scale 1, starting with the first frame of the poses.
    sample_rate_hz: its samples per second.
    frames: frames of the poses. Sound behind the last one is left out.

  Returns:
    float32 [frames, 35], columns as in `COLUMNS`.

  Raises:
    InputError: sound that is not mono, not finite, or more than a frame
      shorter than the poses; fewer frames than a window has.
  """
  sound = np.asarray(sound)
  if sound.ndim != 1 or not np.issubdtype(sound.dtype, np.floating):
    raise InputError(
      "sound",
      f"shape {sound.shape}, {sound.dtype}",
      "pass one channel of floating point samples, full scale 1",
    )
  if frames < WINDOW_FRAMES:
    raise InputError(
      "frames", f"{frames} frames", f"a window needs {WINDOW_FRAMES}"
    )
  bad = np.flatnonzero(~np.isfinite(sound))
  if len(bad):
    raise InputError(
      "sound",
      f"NaN or infinite, first at {bad[0] / sample_rate_hz:.3f} s",
      "export the recording again",
    )
  sound = librosa.resample(
    sound.astype(np.float32), orig_sr=sample_rate_hz, target_sr=SAMPLE_RATE_HZ
  )[: frames * HOP_SAMPLES]
  if len(sound) < (frames - 1) * HOP_SAMPLES:
    raise InputError(
      "sound",
      f"lasts {len(sound) / SAMPLE_RATE_HZ:.3f} s, the poses "
      f"{frames / body13.FRAMES_PER_S:.3f} s",
      "cut both to the same length",
    )
  found = _raw(sound)
  scaled = [column.scaled for column in COLUMNS]
  # Zero columns stay as they are; the last row, where there is one more than
  # frames, has its say in the scale as in VioPose.
  found[:, scaled] = librosa.util.normalize(found[:, scaled], axis=0)
  return found[:frames]


def _raw(sound: np.ndarray) -> np.ndarray:
  """Sound at 25,600 Hz -> float32 [rows, 35], not scaled."""
  rate_hz = SAMPLE_RATE_HZ
  # Envelope and MFCC have the same mel spectrum at librosa's defaults.
  mel_db = librosa.power_to_db(
    librosa.feature.melspectrogram(y=sound, sr=rate_hz)
  )
  envelope = librosa.onset.onset_strength(S=mel_db, sr=rate_hz)
  mfcc = librosa.feature.mfcc(S=mel_db, sr=rate_hz, n_mfcc=_COEFFICIENTS)
  with warnings.catch_warnings():
    # Silence has no tuning; zero, which librosa then takes, is as good.
    warnings.filterwarnings("ignore", "Trying to estimate tuning")
    chroma = librosa.feature.chroma_cens(
      y=sound, sr=rate_hz, hop_length=HOP_SAMPLES
    )
  onsets = librosa.onset.onset_detect(
    onset_envelope=envelope, sr=rate_hz, hop_length=HOP_SAMPLES
  )
  peak = np.zeros(len(envelope))
  peak[onsets] = 1
  rms = librosa.feature.rms(
    y=sound, frame_length=_FFT_SAMPLES, hop_length=HOP_SAMPLES
  )[0]
  rows = min(len(envelope), mfcc.shape[1], chroma.shape[1], len(rms))
  parts = (envelope[None], mfcc, chroma, peak[None], rms[None])
  return np.concatenate([part[:, :rows] for part in parts]).T.astype(np.float32)
