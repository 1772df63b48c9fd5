"""Recordings to responses that begin when the sound leaves.

The direct sound of the first recording of the empty room is found by its
peak. All other recordings are shifted until their direct sound lies on that
one's, to a small part of a sample: what the empty room adds can then be
subtracted. A loopback channel makes this unnecessary.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator

import numpy as np

from bgm2pose_jax.audio.deconvolution import impulse_responses
from bgm2pose_jax.systems.posekernel.extraction import arrival, recording
from bgm2pose_jax.systems.posekernel.extraction.faults import Tally
from bgm2pose_jax.systems.posekernel.extraction.plan import LEAD, Plan
from bgm2pose_jax.systems.posekernel.extraction.recording import Recording

# Noise reaches 4 to 6, see `arrival.first_arrival`.
LEAST_PEAK = 8.0
_LEAST_CORRELATION = 0.9
_MOST_LEVEL_DB = 1.0
# After what was fed to it, a loudspeaker sounds within this time.
_LOOPBACK_MS = 10.0
# Converters ring on for this many samples after the sweep.
_LOOPBACK_TAIL = 512

# Name of a fault, the pair from 0 or -1 for all, value.
_Note = Callable[[str, int, float], None]


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
      self._tally.add(name, pair + 1, take.name, value, empty=empty)

    if take.fault:
      self._tally.add(
        take.fault, 0, take.name, take.value, empty=empty, detail=take.detail
      )
    else:
      clean = self._heard(take, note)
      places = self._places(take, list(clean), note)
      for pair, response in self._responses(take, places, note):
        is_alike = self._is_alike(response, pair, empty and clean[pair], note)
        # In the mean, what is wrong would be in every kernel.
        if not empty or (clean[pair] and is_alike):
          responses[pair], left[pair] = response, places[pair]
    return Aligned(responses, np.isfinite(left), left)

  def _heard(self, take: Recording, note: _Note) -> dict[int, bool]:
    """Pairs that sound, and whether they are free of clipping."""
    clean = {}
    for pair in range(self._pairs):
      if pair >= len(take.samples):
        note("missing_pair", pair, len(take.samples))
        continue
      samples = take.samples[pair]
      if recording.is_silent(samples):
        note("silent", pair, recording.peak_dbfs(samples))
        continue
      clipped = recording.clipped_samples(samples)
      if clipped:
        note("clipped", pair, clipped)
      clean[pair] = not clipped
    return clean

  def _places(
    self, take: Recording, pairs: list[int], note: _Note
  ) -> dict[int, float]:
    """Where the sound of each pair leaves, samples; none where it does not."""
    plan, known = self._plan, self._plan.latency_samples
    if not pairs:
      return {}
    if known is not None and take.loopback is None:
      return dict.fromkeys(pairs, known)
    fed = self._loopback(take, note)
    places = {}
    for pair, searched in zip(pairs, self._search(take.samples[pairs])):
      place, peak = arrival.first_arrival(searched)
      if peak < LEAST_PEAK:
        note("no_sweep", pair, peak)
      elif fed is None:
        first = place - plan.spacing_samples
        places[pair] = self._from_direct(searched, first, pair)
      elif len(fed):
        before = fed[fed <= place + 1]
        left = float(before[-1] if len(before) else fed[0])
        if 0 <= plan.ms(place + 1 - left) <= _LOOPBACK_MS:
          places[pair] = left
        else:
          note("loopback_far", pair, plan.ms(place - left))
    return places

  def _loopback(self, take: Recording, note: _Note) -> np.ndarray | None:
    """Each time that the loopback begins to sound; None without one."""
    if take.loopback is None:
      return None
    places, peak = arrival.arrivals(self._search(take.loopback))
    if peak < LEAST_PEAK:
      note("loopback_silent", -1, peak)
      return np.zeros(0)
    return places

  def _responses(
    self, take: Recording, places: dict[int, float], note: _Note
  ) -> Iterator[tuple[int, np.ndarray]]:
    """Pairs and their responses [LEAD + tap], where there is a whole sweep."""
    plan, kept = self._plan, []
    for pair, left in places.items():
      missing = left + len(plan.sweep) + plan.taps - take.samples.shape[1]
      if missing >= 1:
        note("too_short", pair, plan.ms(missing))
      if missing <= plan.taps:
        kept.append(pair)
    if not kept:
      return
    first = np.array([places[pair] for pair in kept])
    sound = plan.sweep
    if take.loopback is not None:
      first = np.floor(first)
      count = LEAD + len(plan.sweep) + _LOOPBACK_TAIL
      sound = np.stack(
        [cut(take.loopback, int(place) - LEAD, count) for place in first]
      )
      first -= LEAD
    found = impulse_responses(
      take.samples[kept],
      sound,
      plan.rate_hz,
      band_hz=plan.band_hz,
      taps=LEAD + plan.taps,
      eps=plan.eps,
      first_tap=first - LEAD,
    )
    for pair, response in zip(kept, found):
      if plan.latency_samples is not None:
        _, peak = arrival.first_arrival(response)
        if peak < LEAST_PEAK:
          note("no_sweep", pair, peak)
          continue
      yield pair, response

  def _search(self, samples: np.ndarray) -> np.ndarray:
    plan = self._plan
    return impulse_responses(
      samples,
      plan.sweep,
      plan.rate_hz,
      band_hz=plan.band_hz,
      taps=samples.shape[-1],
      eps=plan.eps,
    )

  def _from_direct(self, searched: np.ndarray, left: float, pair: int) -> float:
    """Moves a first guess until the direct sound lies on the reference's."""
    reference = self._direct[pair]
    if reference is None:
      return left
    window = cut(searched, round(left) - LEAD, len(reference))
    later, _, _ = arrival.shift(window, reference)
    return round(left) + later

  def _is_alike(
    self, response: np.ndarray, pair: int, is_fit: bool, note: _Note
  ) -> bool:
    """Whether the direct sound is that of the first empty room.

    Without one yet, this one becomes it if it is fit to.
    """
    window = response[: LEAD + self._plan.direct_taps]
    reference = self._direct[pair]
    if reference is None:
      if is_fit:
        self._direct[pair] = window.copy()
      return True
    _, correlation, gain = arrival.shift(window, reference)
    level_db = 20 * np.log10(max(gain, 1e-10))
    if correlation < _LEAST_CORRELATION:
      note("direct_differs", pair, correlation)
      return False
    if abs(level_db) > _MOST_LEVEL_DB:
      note("level_differs", pair, level_db)
      return False
    return True


def cut(samples: np.ndarray, start: int, count: int) -> np.ndarray:
  """A piece of a sound, float64 [count]; silence beyond its ends."""
  out = np.zeros(count)
  piece = samples[max(start, 0) : max(start + count, 0)]
  out[max(-start, 0) :][: len(piece)] = piece
  return out
