"""What a reader found in a datapack, in words."""

from __future__ import annotations

import dataclasses

from bgm2pose_jax.systems.mapnet.telmi.body_frame import BodyFrame
from bgm2pose_jax.systems.mapnet.telmi.joint_fit import LARGEST_VARIATION
from bgm2pose_jax.systems.mapnet.telmi.marker_tracks import Gaps


@dataclasses.dataclass(frozen=True, eq=False)
class Findings:
  """What was found, done and left out. Times count from the shared origin.

  Attributes:
    datapack: its name.
    fit: `mean` or `marker`.
    places: {joint: places of its markers}.
    frame: unit and axes.
    rates_hz: frame rates of the markers' files.
    sound_file: the one that was read.
    gaps: markers that were lost at times.
    duration_s: up to the end of the shortest stream.
    played_s: (start, stop) of the part that was kept.
    trimmed_by: `bow contact` or `sound`.
    covered_s: (start, stop) from the first to the last frame with all joints,
      within the played part: the take.
    unusable_s: (start, stop, joints) within the played part where a joint is
      missing for longer than is bridged.
    windows: windows of three seconds in the take, one a second.
    whole_windows: those of them that touch nothing unusable.
    bones: {bone: (mean length in metres, standard deviation over mean)}.
    notes: everything else, in sentences.
  """

  datapack: str
  fit: str
  places: dict[str, tuple[str, ...]]
  frame: BodyFrame
  rates_hz: tuple[float, ...]
  sound_file: str
  gaps: tuple[Gaps, ...]
  duration_s: float
  played_s: tuple[float, float]
  trimmed_by: str
  covered_s: tuple[float, float]
  unusable_s: tuple[tuple[float, float, tuple[str, ...]], ...]
  windows: int
  whole_windows: int
  bones: dict[str, tuple[float, float]]
  notes: tuple[str, ...]

  @property
  def unsteady_bones(self) -> tuple[str, ...]:
    """Bones whose length varies by 5 % and more: the fit is in doubt."""
    return tuple(
      bone
      for bone, (_, variation) in self.bones.items()
      if not variation < LARGEST_VARIATION
    )

  def lines(self) -> list[str]:
    """Returns the findings as lines of text, without ends."""
    frame = self.frame
    how = "as stated" if frame.is_stated else "by the body's size"
    out = [
      f"{self.datapack}: markers at "
      f"{', '.join(f'{rate:g}' for rate in self.rates_hz)} Hz in {frame.unit} "
      f"({how}: C7 is {frame.height_m:.2f} m above the toes), {frame.up} up; "
      f"fit={self.fit}; sound {self.sound_file}"
    ]
    if frame.is_mirrored:
      out.append(
        "the hands would lie behind the back: the axes are taken for "
        "left-handed, and one is turned round"
      )
    out += [_gap_line(gap) for gap in self.gaps]
    start, stop = self.played_s
    out.append(
      f"played from {start:.2f} to {stop:.2f} s of {self.duration_s:.2f} s "
      f"(by {self.trimmed_by}); the rest is cut"
    )
    for start, stop, joints in self.unusable_s:
      out.append(
        f"unusable from {start:.2f} to {stop:.2f} s: no {', '.join(joints)}"
      )
    start, stop = self.covered_s
    out.append(
      f"the take is {start:.2f} to {stop:.2f} s: {self.whole_windows} of its "
      f"{self.windows} windows have all joints throughout"
    )
    out += [self._bone_line(), *self.notes]
    return out

  def _bone_line(self) -> str:
    limit = f"{100 * LARGEST_VARIATION:g} %"
    unsteady = self.unsteady_bones
    if not unsteady:
      worst = max(self.bones, key=lambda bone: self.bones[bone][1])
      return (
        f"bones keep their lengths within {limit}: at most "
        f"{100 * self.bones[worst][1]:.1f} % ({worst})"
      )
    said = ", ".join(
      f"{bone} {100 * self.bones[bone][1]:.1f} %" for bone in unsteady
    )
    return (
      f"{len(unsteady)} of {len(self.bones)} bones vary by {limit} or more "
      f"(standard deviation over mean): {said}; look at the markers"
    )


def _gap_line(gap: Gaps) -> str:
  said = []
  if gap.bridged:
    said.append(f"{gap.bridged} gaps of {gap.bridged_s:.2f} s in all bridged")
  if gap.left:
    said.append(f"{gap.left} of {gap.left_s:.2f} s left open")
  return f"{gap.marker}: {', '.join(said)}"
