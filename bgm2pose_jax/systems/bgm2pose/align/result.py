"""What aligning a recording with its music gave."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from bgm2pose_jax.systems.bgm2pose.align.sound_field import SoundField
from bgm2pose_jax.systems.bgm2pose.window import WINDOW_SAMPLES

USED = "used"
SILENT = "silent"
FOREIGN = "music not heard"
OUTLIER = "off the line"
OUTSIDE = "no music yet or any more"


@dataclasses.dataclass(frozen=True)
class Loudspeaker:
  """Direct sound of one loudspeaker, or of both where they sound alike.

  Attributes:
    name: `left`, `right` or `both`.
    delay_s: after the nearest loudspeaker's.
    polarity: 1 or -1.
    direction: X, Y, Z over W of its direct sound.
  """

  name: str
  delay_s: float
  polarity: int
  direction: tuple[float, float, float]


@dataclasses.dataclass(frozen=True)
class Alignment:
  """How the music lies in a recording.

  Sample n of the recording holds the music at position
  (n - offset_samples) * (1 + drift_ppm / 1e6), both at 48 kHz.

  Attributes:
    offset_samples: sample at which the direct sound of the music's first
      sample arrives; negative when the recorder was started later.
    offset_se_samples: its standard error.
    drift_ppm: how much faster the player's clock runs than the recorder's.
    drift_se_ppm: its standard error.
    samples: length of the recording.
    confidence: share of the blocks with music in which the music is heard
      where the line says.
    votes: blocks that agreed on the line in the search.
    voters: blocks that voted.
    log10_chance: bound on the probability of so many votes by chance.
    block_middle_s: [blocks] where delays were measured.
    block_delay_s: [blocks] delay off the line, NaN where there is none.
    block_state: [blocks] `used`, or why not.
    window_state: [windows] of 0.6 s: `used`, or why not.
    loudspeakers: their direct sound.
    channels: `as expected`, `swapped`, `mono music` or `unclear`.
    explained: share of the recording's power, while there is music, that the
      music in the fitted room explains.
    jump_s: how much later the music comes, suddenly, from one quarter of
      the recording to the next (lost samples); None for not at all.
    jump_at_s: where.
    rival_s: offset of another place where the music fits nearly as well
      (music that repeats itself), relative to the one taken; None for none.
    warnings: what a person should look at.
    sound_field: what the direct sound says of order and gains.
  """

  offset_samples: float
  offset_se_samples: float
  drift_ppm: float
  drift_se_ppm: float
  samples: int
  confidence: float
  votes: int
  voters: int
  log10_chance: float
  block_middle_s: np.ndarray
  block_delay_s: np.ndarray
  block_state: tuple[str, ...]
  window_state: tuple[str, ...]
  loudspeakers: tuple[Loudspeaker, ...]
  channels: str
  explained: float
  jump_s: float | None
  jump_at_s: float | None
  rival_s: float | None
  warnings: tuple[str, ...]
  sound_field: SoundField

  @property
  def offset_s(self) -> float:
    """The offset in seconds."""
    return self.offset_samples / 48000

  @property
  def polarity(self) -> str:
    """`normal`, `inverted`, or `one loudspeaker inverted`."""
    signs = {speaker.polarity for speaker in self.loudspeakers}
    if len(signs) > 1:
      return "one loudspeaker inverted"
    return "inverted" if signs == {-1} else "normal"

  def kept_windows(self) -> list[tuple[int, int]]:
    """Ranges of windows with music: (first, one past the last)."""
    ranges: list[tuple[int, int]] = []
    for number, state in enumerate(self.window_state):
      if state != USED:
        continue
      if ranges and ranges[-1][1] == number:
        ranges[-1] = ranges[-1][0], number + 1
      else:
        ranges.append((number, number + 1))
    return ranges

  def to_dict(self) -> dict[str, Any]:
    """Plain values that JSON can hold."""
    return {
      "offset_samples": self.offset_samples,
      "offset_s": self.offset_s,
      "offset_se_samples": self.offset_se_samples,
      "drift_ppm": self.drift_ppm,
      "drift_se_ppm": self.drift_se_ppm,
      "sample_rate_hz": 48000,
      "samples": self.samples,
      "confidence": self.confidence,
      "votes": self.votes,
      "voters": self.voters,
      "log10_chance": self.log10_chance,
      "polarity": self.polarity,
      "channels": self.channels,
      "channel_order": self.sound_field.to_dict(),
      "loudspeakers": [dataclasses.asdict(s) for s in self.loudspeakers],
      "explained": self.explained,
      "jump_s": self.jump_s,
      "jump_at_s": self.jump_at_s,
      "rival_s": self.rival_s,
      "warnings": list(self.warnings),
      "blocks": _counts(self.block_state),
      "block_list": [
        {
          "middle_s": float(middle),
          "delay_us": None if np.isnan(delay) else float(delay) * 1e6,
          "state": state,
        }
        for middle, delay, state in zip(
          self.block_middle_s, self.block_delay_s, self.block_state
        )
      ],
      "window_samples": WINDOW_SAMPLES,
      "windows": _counts(self.window_state),
      "kept_windows": [list(pair) for pair in self.kept_windows()],
    }


def _counts(states: tuple[str, ...]) -> dict[str, int]:
  """How often each state occurs, in order of first appearance."""
  return {state: states.count(state) for state in dict.fromkeys(states)}
