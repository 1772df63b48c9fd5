"""A session: empty rooms first, then samples, one recording at a time."""

from __future__ import annotations

import numpy as np

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.systems.posekernel.extraction import measures
from bgm2pose_jax.systems.posekernel.extraction.alignment import (
  Aligned,
  Aligner,
)
from bgm2pose_jax.systems.posekernel.extraction.empty_room import (
  EmptyRoom,
  kernel_spectrum,
)
from bgm2pose_jax.systems.posekernel.extraction.envelopes import envelope_ratio
from bgm2pose_jax.systems.posekernel.extraction.faults import Tally
from bgm2pose_jax.systems.posekernel.extraction.plan import LEAD, Plan
from bgm2pose_jax.systems.posekernel.extraction.recording import Recording
from bgm2pose_jax.systems.posekernel.extraction.report import Report


class Session:
  """What is kept of recordings: the empty room's mean, sums and faults.

  Args:
    plan: what is known of all recordings.
    pairs: how many pairs there are.
  """

  def __init__(self, plan: Plan, pairs: int):
    self._plan = plan
    self._mask = LEAD + plan.direct_taps
    self._tally = Tally()
    self._aligner = Aligner(plan, pairs, self._tally)
    self._room = EmptyRoom(pairs, plan.taps, plan.direct_taps)
    self._power = np.zeros_like(self._room.noise_power())
    # Recordings that the power is of: those of whom the direct sound is gone.
    self._fit = np.zeros(pairs, int)
    self._residue_db: list[np.ndarray] = []
    # Name of each recording, and whether the room was empty.
    self._names: list[tuple[str, bool]] = []
    self._left: list[np.ndarray] = []
    self._usable: list[np.ndarray] = []
    self._has_loopback = False

  def add_empty(self, take: Recording) -> None:
    """Adds a recording of the empty room; all come before the first sample."""
    self._room.add(self._align(take, empty=True))

  def check_empty(self) -> None:
    """Checks that there is an empty room to subtract.

    Raises:
      InputError: no recording of it can be used.
    """
    if not self._room.count.any():
      raise self._nothing("the empty room")

  def kernels(self, take: Recording) -> np.ndarray:
    """Takes the kernels from a recording with a person.

    Args:
      take: the recording.

    Returns:
      float32 [pair, tap], zero for pairs that are not usable.
    """
    room, mask = self._room, self._mask
    found = self._align(take, empty=False)
    use = found.usable & (room.count > 0)
    change = np.where(use[:, None], found.responses - room.mean, 0.0)
    self._measure(change, use, take.name)
    if self._plan.kernel == "env_ratio":
      change = envelope_ratio(
        found.responses, room.mean, mask, self._plan.rate_hz
      )
      change[~use] = 0
    return change[:, LEAD:].astype(np.float32)

  def _measure(self, change: np.ndarray, use: np.ndarray, name: str) -> None:
    mask = self._mask
    residue_db = measures.residue_db(
      change[:, :mask], self._room.mean[:, :mask]
    )
    residue_db[~use] = np.nan
    fit = use & measures.note_residue(self._tally, residue_db, name)
    self._power[fit] += np.abs(kernel_spectrum(change[fit], mask)) ** 2
    self._fit += fit
    self._usable.append(use)
    self._residue_db.append(residue_db)

  def report(self) -> Report:
    """Returns what was found.

    Raises:
      InputError: no recording with a person can be used.
    """
    if not np.any(self._usable):
      raise self._nothing("a person")
    plan, room = self._plan, self._room
    median_ms, spread_ms = self._latency()
    with np.errstate(divide="ignore", invalid="ignore"):
      power = self._power / self._fit[:, None]
    snr, snr_all = measures.snr_db(power, room.noise_power(), plan)
    residue = measures.median(np.array(self._residue_db), axis=0)
    measures.note_kernels(self._tally, snr_all, room.count)
    takes, empties = self._counts()
    return Report(
      names=tuple(name for name, is_empty in self._names if not is_empty),
      usable=np.array(self._usable),
      empty=room.count,
      empty_given=empties,
      rate_hz=plan.rate_hz,
      taps=plan.taps,
      kernel=plan.kernel,
      aligned_by=self._aligned_by(),
      latency_ms=median_ms,
      latency_spread_ms=spread_ms,
      octaves_hz=measures.octaves_hz(plan.band_hz),
      snr_db=snr,
      snr_all_db=snr_all,
      direct_residue_db=residue,
      faults=self._tally.faults(takes, empties),
    )

  def _align(self, take: Recording, *, empty: bool) -> Aligned:
    found = self._aligner.aligned(take, empty=empty)
    self._names.append((take.name, empty))
    self._left.append(found.left)
    self._has_loopback |= take.loopback is not None
    return found

  def _aligned_by(self) -> str:
    if self._has_loopback:
      return "loopback"
    known = self._plan.latency_samples is not None
    return "given latency" if known else "direct sound"

  def _latency(self) -> tuple[np.ndarray, np.ndarray]:
    """Median and spread in ms, [pair] each; notes who is late."""
    median_ms, spread_ms, whole, own = measures.latency(
      np.array(self._left), self._plan
    )
    measures.note_latency(
      self._tally,
      whole,
      own,
      self._names,
      self._plan,
      is_measured=not self._has_loopback,
    )
    return median_ms, spread_ms

  def _counts(self) -> tuple[int, int]:
    """How many recordings there are with a person and without."""
    empties = sum(is_empty for _, is_empty in self._names)
    return len(self._names) - empties, empties

  def _nothing(self, what: str) -> InputError:
    where = f"recordings of {what}"
    faults = self._tally.faults(*self._counts())
    if not faults:
      return InputError(where, "are missing", "add some")
    said = faults[0].sentence().removesuffix(f": {faults[0].fix}")
    return InputError(where, f"none can be used ({said})", faults[0].fix)
