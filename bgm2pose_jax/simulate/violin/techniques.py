"""Techniques: what tells one way of bowing from another, as ranges.

A range is (lowest, highest). All of them are chosen from what methods of
violin playing describe, none is measured.
"""

from __future__ import annotations

import dataclasses

Range = tuple[float, float]


@dataclasses.dataclass(frozen=True)
class Technique:
  """One way of bowing.

  Attributes:
    name: its name.
    stroke_s: time of one stroke; a phrase draws its tempo from it.
    bow_m: hair that one stroke uses.
    notes: notes in one stroke.
    tune: how notes follow one another: `scale`, `run` (a scale on one string,
      with shifts), `arpeggio`, `repeat`, `open` or `melody`.
    attack_s: time in which the bow gets going.
    moving: share of the stroke in which the bow moves; then it rests.
    decay: loss of speed over the stroke, 0 for none to 1 for all of it.
    swell: gain of speed in the middle of the stroke, -0.5 to 2.
    bounce_m: height of the bow over the string between strokes.
    same_way: strokes in one direction before the bow turns.
    press: place of the force between Schelleng's limits, 0 lowest to 1.
    contact_m: contact point's distance from the bridge.
    vibrato: factor on the player's depth of vibrato.
    even: whether all strokes of a bar have the same length.
    varied: whether each stroke has a force and contact point of its own, not
      each phrase.
  """

  name: str
  stroke_s: Range
  bow_m: Range
  notes: tuple[int, int] = (1, 1)
  tune: str = "scale"
  attack_s: Range = (0.02, 0.05)
  moving: Range = (1.0, 1.0)
  decay: Range = (0.0, 0.25)
  swell: Range = (0.0, 0.3)
  bounce_m: Range = (0.0, 0.0)
  same_way: tuple[int, int] = (1, 1)
  press: Range = (0.40, 0.65)
  contact_m: Range = (0.026, 0.036)
  vibrato: Range = (0.0, 0.0)
  even: bool = False
  varied: bool = False


_ALL = (
  Technique("detache", (0.22, 0.9), (0.15, 0.50)),
  Technique(
    "legato", (0.9, 2.0), (0.20, 0.55), notes=(2, 6), attack_s=(0.03, 0.07)
  ),
  Technique(
    "martele",
    (0.35, 0.9),
    (0.18, 0.50),
    attack_s=(0.012, 0.025),
    moving=(0.45, 0.75),
    decay=(0.5, 0.9),
    press=(0.55, 0.75),
  ),
  Technique(
    "staccato",
    (0.14, 0.28),
    (0.03, 0.08),
    attack_s=(0.012, 0.02),
    moving=(0.5, 0.7),
    decay=(0.5, 0.9),
    same_way=(3, 7),
    press=(0.55, 0.75),
    even=True,
  ),
  Technique(
    "spiccato",
    (0.15, 0.34),
    (0.06, 0.16),
    tune="repeat",
    attack_s=(0.03, 0.05),
    bounce_m=(0.004, 0.010),
  ),
  Technique(
    "sautille",
    (0.105, 0.15),
    (0.05, 0.10),
    tune="repeat",
    attack_s=(0.05, 0.06),
    bounce_m=(0.001, 0.003),
    even=True,
  ),
  Technique(
    "tremolo",
    (0.10, 0.16),
    (0.05, 0.14),
    tune="repeat",
    attack_s=(0.04, 0.06),
    even=True,
  ),
  Technique(
    "scales",
    (0.30, 1.6),
    (0.20, 0.55),
    notes=(1, 4),
    tune="run",
  ),
  Technique(
    "arpeggios",
    (0.45, 1.5),
    (0.20, 0.55),
    notes=(3, 8),
    tune="arpeggio",
  ),
  Technique(
    "vibrato",
    (0.7, 2.0),
    (0.25, 0.55),
    tune="melody",
    attack_s=(0.03, 0.07),
    swell=(0.2, 1.2),
    vibrato=(0.8, 1.4),
  ),
  Technique(
    "bow_weight",
    (0.8, 2.0),
    (0.20, 0.55),
    tune="open",
    attack_s=(0.03, 0.08),
    press=(0.12, 0.92),
    contact_m=(0.022, 0.042),
    varied=True,
  ),
  Technique(
    "dotted",
    (0.22, 0.8),
    (0.12, 0.50),
    attack_s=(0.015, 0.04),
    moving=(0.7, 0.95),
    decay=(0.2, 0.6),
  ),
  Technique(
    "melody",
    (0.3, 1.8),
    (0.15, 0.55),
    notes=(1, 3),
    tune="melody",
    swell=(0.0, 0.8),
    vibrato=(0.3, 1.2),
  ),
)

TECHNIQUES: dict[str, Technique] = {t.name: t for t in _ALL}
