"""Kernels from recordings of rooms with and without a person.

r = s * (h + k): a recording is what was played, s, through the empty room, h,
and what a body adds, k, the kernel. Recordings pass one at a time; only the
kernels and the mean of the empty room stay.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from bgm2pose_jax.base.array_typing import ArrayLike
from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.systems.posekernel.extraction.plan import Plan, band_of
from bgm2pose_jax.systems.posekernel.extraction.recording import Recording
from bgm2pose_jax.systems.posekernel.extraction.report import Report
from bgm2pose_jax.systems.posekernel.extraction.session import Session

Takes = Iterable[Recording | ArrayLike]


def kernels_of(
  occupied: Takes,
  empty: Takes,
  sweep: ArrayLike,
  rate_hz: int,
  taps: int,
  *,
  band_hz: tuple[float, float] | None = None,
  kernel: str = "subtract",
  eps: float = 1e-3,
  spacing_m: float = 0.0,
  mask_m: float = 0.6,
  latency_samples: float | None = None,
  pairs: int | None = None,
) -> tuple[np.ndarray, Report]:
  """Takes kernels from recordings.

  Args:
    occupied: recordings with a person, float [sample, pair, n], or any
      iterable of `Recording`; each is read once.
    empty: recordings of the empty room, likewise.
    sweep: float [m], what was played.
    rate_hz: sample rate of sweep and recordings.
    taps: how many a kernel has; tap 0 is when the sound leaves.
    band_hz: lowest and highest frequency of the sweep; None takes 19 Hz to 32
      kHz, as far as the rate allows.
    kernel: `subtract` gives k = r - mean of the empty room, deconvolved.
      `env_ratio` gives 2 (e - e0) / max(0.01, |e + e0|) of their envelopes, in
      parts of the empty room's largest behind the direct sound.
    eps: regularisation of the deconvolution.
    spacing_m: from a loudspeaker to its own microphone, metres.
    mask_m: path length within which only direct sound is expected.
    latency_samples: where the sound leaves in every recording, if that is
      known; None finds it.
    pairs: how many pairs there are; None takes those of the first recording of
      the empty room.

  Returns:
    float32 [sample, pair, taps], zero where a recording is not usable; the
    report.

  Raises:
    InputError: no recording of the empty room or of a person can be used, or
      an argument that is none.
  """
  plan = Plan(
    np.trim_zeros(np.asarray(sweep, np.float64), "b"),
    rate_hz,
    taps,
    band_hz or band_of(rate_hz),
    kernel,
    eps,
    spacing_m,
    mask_m,
    latency_samples,
  )
  session = None
  for take in _recordings(empty, "empty"):
    session = session or Session(plan, pairs or len(take.samples))
    session.add_empty(take)
  if session is None:
    raise InputError("recordings of the empty room", "are missing", "add some")
  session.check_empty()
  out = [session.kernels(take) for take in _recordings(occupied, "sample")]
  report = session.report()
  return np.stack(out), report


def _recordings(takes: Takes, name: str) -> Iterator[Recording]:
  for number, take in enumerate(takes, 1):
    if isinstance(take, Recording):
      yield take
      continue
    samples = np.asarray(take)
    if samples.ndim != 2 or not samples.size:
      raise InputError(
        f"{name} {number}", f"shape {samples.shape}", "pass [pair, samples]"
      )
    yield Recording(f"{name} {number}", samples)
