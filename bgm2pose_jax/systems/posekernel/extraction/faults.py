"""What can be wrong with recordings, and what to do about it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

# Name -> (what a pair or a recording does, unit of its value, fix).
KINDS = {
  "unreadable": ("cannot be read", "", "copy or record these files again"),
  "sample_rate": (
    "another sample rate than the sweep",
    "Hz",
    "record and play at one rate",
  ),
  "missing_pair": (
    "channel missing",
    "channels there",
    "record one channel for each pair",
  ),
  "silent": (
    "silent",
    "dBFS",
    "check the microphone's cable, channel and gain",
  ),
  "no_sweep": (
    "no sweep to be heard",
    "peak over noise",
    "check the loudspeaker, and that --sweep is what was played",
  ),
  "too_short": (
    "ends too early",
    "ms are missing",
    "record longer after the sweep",
  ),
  "clipped": ("clipped", "samples", "lower the level"),
  "samples_lost": (
    "moved against the other pairs",
    "ms",
    "record again with larger buffers: samples were lost",
  ),
  "latency_differs": (
    "sound leaves earlier or later than mostly",
    "ms",
    "it was taken out; a loopback channel would show it exactly",
  ),
  "direct_differs": (
    "another direct sound than in the empty room",
    "correlation",
    "keep loudspeakers and microphones where they were, and record again",
  ),
  "level_differs": (
    "another level than in the empty room",
    "dB",
    "keep all gains as they were, and record again",
  ),
  "loopback_silent": (
    "no sweep in the loopback channel",
    "peak over noise",
    "check the loopback's cable and the number given as --loopback",
  ),
  "loopback_far": (
    "no sweep in the loopback channel just before the sound",
    "ms between",
    "feed the loopback with what every loudspeaker plays",
  ),
  "direct_residue": (
    "direct sound left in the kernels",
    "dB of it",
    "record more empty rooms, close in time to the others",
  ),
  "low_snr": (
    "kernels hardly above the noise",
    "dB",
    "play louder, stand nearer, or record more empty rooms",
  ),
  "one_empty": (
    "only one recording of the empty room: noise unknown",
    "recordings",
    "record the empty room twenty times",
  ),
}

# Of the others, what is farthest from zero is worst.
_LOW_IS_BAD = (
  "silent",
  "no_sweep",
  "missing_pair",
  "direct_differs",
  "loopback_silent",
  "low_snr",
)
_HIGH_IS_BAD = ("direct_residue",)


@dataclasses.dataclass(frozen=True)
class Fault:
  """One kind of fault of one pair.

  Attributes:
    name: a key of `KINDS`.
    pair: its number, counted from 1 like channels; 0 for all.
    empty: whether recordings of the empty room have it.
    recordings: names of the recordings that have it; none where it is the
      kernels' own.
    of: how many recordings there are.
    value: the worst value; `KINDS` has its unit.
    detail: what a reader said, where there is no value.
  """

  name: str
  pair: int
  empty: bool
  recordings: tuple[str, ...]
  of: int
  value: float
  detail: str = ""

  @property
  def fix(self) -> str:
    """What to do about it."""
    return KINDS[self.name][2]

  def sentence(self, pairs: Sequence[int] = ()) -> str:
    """The fault in words, such as 'pair 3: clipped in 4 of 20 recordings'.

    Args:
      pairs: all pairs that have it; none takes its own.
    """
    what, unit, fix = KINDS[self.name]
    kind = "empty-room recordings" if self.empty else "recordings"
    count = len(self.recordings)
    text = f"{_listed(pairs or (self.pair,))}{what}"
    if count:
      text += f" in {count} of {self.of} {kind}"
      if count <= 3 < self.of:
        text += f" ({', '.join(self.recordings)})"
    if self.detail:
      text += f", {self.detail}"
    elif unit:
      text += f", {_rounded(self.value)} {unit}"
      text += " at worst" if count > 1 or len(pairs) > 1 else ""
    return f"{text}: {fix}"

  def to_dict(self) -> dict[str, object]:
    """Plain values for JSON."""
    return {
      **dataclasses.asdict(self),
      "recordings": list(self.recordings),
      "value": round(float(self.value), 6),
      "unit": KINDS[self.name][1],
      "fix": self.fix,
      "said": self.sentence(),
    }


def sentences(faults: Sequence[Fault]) -> list[str]:
  """Faults in words; one sentence for pairs that share recordings.

  Args:
    faults: from `Tally.faults`.
  """
  groups: dict[tuple[object, ...], list[Fault]] = {}
  for fault in faults:
    key = (fault.name, fault.empty, fault.recordings, not fault.pair)
    groups.setdefault(key, []).append(fault)
  return [
    max(group, key=_badness).sentence([fault.pair for fault in group])
    for group in groups.values()
  ]


class Tally:
  """Collects faults as recordings pass, and joins those of one kind."""

  def __init__(self):
    self._found: dict[tuple[str, int, bool], list[tuple[str, float, str]]] = {}

  def add(
    self,
    name: str,
    pair: int,
    recording: str,
    value: float,
    *,
    empty: bool,
    detail: str = "",
  ) -> None:
    """Notes a fault.

    Args:
      name: a key of `KINDS`.
      pair: its number from 1, or 0 for all.
      recording: the name of the recording; empty text for the kernels' own.
      value: how bad it is, in the unit of `KINDS`.
      empty: whether the recording is of the empty room.
      detail: what a reader said.
    """
    self._found.setdefault((name, pair, empty), []).append(
      (recording, float(value), detail)
    )

  def faults(self, takes: int, empties: int) -> tuple[Fault, ...]:
    """Returns all faults in the order of `KINDS`, then pairs.

    Args:
      takes: how many recordings with a person there are.
      empties: how many recordings of the empty room there are.
    """
    order = list(KINDS)
    return tuple(
      _joined(name, pair, empty, found, empties if empty else takes)
      for (name, pair, empty), found in sorted(
        self._found.items(),
        key=lambda item: (order.index(item[0][0]), item[0][1:]),
      )
    )


def _joined(
  name: str,
  pair: int,
  empty: bool,
  found: Sequence[tuple[str, float, str]],
  of: int,
) -> Fault:
  names = tuple(recording for recording, *_ in found if recording)
  each = [
    Fault(name, pair, empty, names, of, value, detail)
    for _, value, detail in found
  ]
  return max(each, key=_badness)


def _badness(fault: Fault) -> float:
  if fault.name in _LOW_IS_BAD:
    return -fault.value
  return fault.value if fault.name in _HIGH_IS_BAD else abs(fault.value)


def _listed(pairs: Sequence[int]) -> str:
  if not any(pairs):
    return ""
  if len(pairs) == 1:
    return f"pair {pairs[0]}: "
  first = ", ".join(map(str, pairs[:-1]))
  return f"pairs {first} and {pairs[-1]}: "


def _rounded(value: float) -> str:
  return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}"
