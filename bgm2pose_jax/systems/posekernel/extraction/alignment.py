"""Recordings to responses that begin when the sound leaves.

The direct sound of the first recording of the empty room is found by its
peak. All other recordings are shifted until their direct sound lies on that
one's, to a small part of a sample: what the empty room adds can then be
subtracted. A loopback channel makes this unnecessary.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from bgm2pose_jax.audio.deconvolution import impulse_responses
from bgm2pose_jax.systems.posekernel.extraction import arrival, recording
from bgm2pose_jax.systems.posekernel.extraction.faults import Tally
from bgm2pose_jax.systems.posekernel.extraction.plan import LEAD, Plan
from bgm2pose_jax.systems.posekernel.extraction.recording import Recording

# Noise reaches 4 to 6, see `arrival.first_arrival`.
_LEAST_PEAK = 8.0
_LEAST_CORRELATION = 0.9
_MOST_LEVEL_DB = 1.0
# After what was fed to it, a loudspeaker sounds within this time.
_LOOPBACK_MS = 10.0
# Converters ring on for this many samples after the sweep.
_LOOPBACK_TAIL = 512


@dataclasses.dataclass(frozen=True, eq=False)
class Aligned:
  """The responses of one recording.

  Attributes:
    responses: float64 [pair, LEAD + tap]; zeros where not usable.
    usable: bool [pair].
    left: float64 [pair], where the sound leaves in the recording, samples;
      NaN where not usable.
  """

  responses: np.ndarray
  usable: np.ndarray
  left: np.ndarray


class Aligner:
  """Aligns recordings with the first one that it is given.

  Args:
    plan: what is known of all recordings.
    pairs: how many pairs there are.
    tally: takes the faults.
  """

  def __init__(self, plan: Plan, pairs: int, tally: Tally):
    self._plan = plan
    self._pairs = pairs
    self._tally = tally
    self._direct: list[np.ndarray | None] = [None] * pairs

  def aligned(self, take: Recording, *, empty: bool) -> Aligned:
    """Returns a recording's responses, and notes its faults.

    Args:
      take: the recording.
      empty: whether nobody is in the room. The first such recording of each
        pair that is not clipped is what the others are aligned with; those
        that are, or that differ from it, are not usable.
    """
    width = LEAD + self._plan.taps
    responses = np.zeros((self._pairs, width))
    left = np.full(self._pairs, np.nan)

    def note(name: str, pair: int, value: float) -> None:
      self._tally.add(name, pair, take.name, value, empty=empty)

    if take.fault:
      self._tally.add(
        take.fault, 0, take.name, take.value, empty=empty, detail=take.detail
      )
    else:
      heard = self._loopback(take, note)
      for pair in range(self._pairs):
        found = self._one(take, pair, heard, empty, note)
        if found is not None:
          responses[pair], left[pair] = found
    return Aligned(responses, np.isfinite(left), left)

  def _loopback(self, take, note) -> np.ndarray | None:
    """When the loopback begins to sound; empty if it never does."""
    if take.loopback is None:
      return None
    places, peak = arrival.arrivals(self._search(take.loopback))
    if peak < _LEAST_PEAK:
      note("loopback_silent", 0, peak)
      return np.zeros(0)
    return places

  def _one(
    self, take, pair, heard, empty, note
  ) -> tuple[np.ndarray, float] | None:
    """A pair's response and where its sound leaves; None if unusable."""
    plan, number = self._plan, pair + 1
    if pair >= len(take.samples):
      note("missing_pair", number, len(take.samples))
      return None
    samples = np.asarray(take.samples[pair], np.float64)
    if recording.is_silent(samples):
      note("silent", number, recording.peak_dbfs(samples))
      return None
    clipped = recording.clipped_samples(samples)
    if clipped:
      note("clipped", number, clipped)
    searched = self._search(samples)
    place, peak = arrival.first_arrival(searched)
    if peak < _LEAST_PEAK:
      note("no_sweep", number, peak)
      return None
    sound, start = plan.sweep, 0
    if heard is not None:
      before = heard[heard <= place + 1]
      if not len(before):
        if len(heard):
          note("loopback_far", number, plan.ms(place - heard[0]))
        return None
      left = float(before[-1])
      if plan.ms(place - left) > _LOOPBACK_MS:
        note("loopback_far", number, plan.ms(place - left))
        return None
      start = int(left) - LEAD
      stop = int(left) + len(plan.sweep) + _LOOPBACK_TAIL
      sound = np.zeros(stop - start)
      piece = take.loopback[max(start, 0) : stop]
      sound[max(-start, 0) :][: len(piece)] = piece
    elif plan.latency_samples is not None:
      left = plan.latency_samples
    else:
      left = self._from_direct(searched, place - plan.spacing_samples, pair)
    missing = left + len(plan.sweep) + plan.taps - len(samples)
    if missing >= 1:
      note("too_short", number, plan.ms(missing))
      if missing > plan.taps:
        return None
    first = float(start) if heard is not None else left
    response = impulse_responses(
      samples,
      sound,
      plan.rate_hz,
      band_hz=plan.band_hz,
      taps=LEAD + plan.taps,
      eps=plan.eps,
      first_tap=first - LEAD,
    )
    is_alike = self._compare(response, pair, empty and not clipped, note)
    if empty and (clipped or not is_alike):
      # In the mean it would be in every kernel.
      return None
    return response, left

  def _search(self, samples: np.ndarray) -> np.ndarray:
    plan = self._plan
    return impulse_responses(
      samples,
      plan.sweep,
      plan.rate_hz,
      band_hz=plan.band_hz,
      taps=len(samples),
      eps=plan.eps,
    )

  def _from_direct(self, searched: np.ndarray, left: float, pair: int) -> float:
    """Moves a first guess until the direct sound lies on the reference's."""
    reference = self._direct[pair]
    if reference is None:
      return left
    start = round(left) - LEAD
    window = np.zeros(len(reference))
    piece = searched[max(start, 0) : max(start + len(window), 0)]
    window[max(-start, 0) :][: len(piece)] = piece
    later, _, _ = arrival.shift(window, reference)
    return round(left) + later

  def _compare(self, response, pair, is_reference, note) -> bool:
    """Whether the direct sound is that of the first empty room.

    Without one yet, this one becomes it if it is fit to.
    """
    window = response[: LEAD + self._plan.direct_taps]
    reference = self._direct[pair]
    if reference is None:
      if is_reference:
        self._direct[pair] = window.copy()
      return True
    _, correlation, gain = arrival.shift(window, reference)
    level_db = 20 * np.log10(max(gain, 1e-10))
    if correlation < _LEAST_CORRELATION:
      note("direct_differs", pair + 1, correlation)
      return False
    if abs(level_db) > _MOST_LEVEL_DB:
      note("level_differs", pair + 1, level_db)
      return False
    return True
