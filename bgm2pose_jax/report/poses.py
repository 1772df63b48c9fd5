"""Poses that a system's network found, as Python code uses them."""

from __future__ import annotations

import dataclasses
import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.files import whole_file
from bgm2pose_jax.poses import write_bvh
from bgm2pose_jax.poses.rest_pose import RestPose
from bgm2pose_jax.poses.skeleton import Skeleton
from bgm2pose_jax.report import packed_poses, player
from bgm2pose_jax.report.page import Page, render

_PLOTTED = 6
_FRAME_HEIGHT_PX = 760
Y_UP = (1.0, 1.0, 1.0)


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Poses:
  """Poses of one person, one frame after another.

  Attributes:
    positions_m: float32 [frame, joint, 3], metres. What the axes are, `frame`
      says.
    time_s: float64 [frame], seconds on the clock of the input.
    rate_hz: frames a second.
    rest: the skeleton, and how it stands at rest in a motion file.
    frame: origin and axes of `positions_m`, in words.
    y_up: what x, y and z are multiplied by to have y up and left and right
      where they were.
    joint_positions: whether a BVH file keeps each joint's position beside the
      rotations, so that bones keep their varying lengths.
    head: name of the joint that a player draws as a head; None draws none.
    simulated: whether the network was trained on simulated data.
    warnings: what makes the poses worse, sentences.
    notes: what was done to the input, sentences.
    facts: what else a reader should know, plain values.
    truth_m: like `positions_m`, where true poses were given.

  >>> from bgm2pose_jax.poses.rest_pose import REST13
  >>> poses = Poses(
  ...   positions_m=np.zeros((50, 13, 3), np.float32),
  ...   time_s=np.arange(50) / 25,
  ...   rate_hz=25,
  ...   rest=REST13,
  ...   frame="y up",
  ... )
  >>> len(poses), poses.joints[:2]
  (50, ('C7', 'RSHO'))
  >>> poses
  <50 poses of 13 joints, 2.0 s, 0 warnings>
  """

  positions_m: np.ndarray
  time_s: np.ndarray
  rate_hz: float
  rest: RestPose
  frame: str
  y_up: tuple[float, float, float] = Y_UP
  joint_positions: bool = False
  head: str | None = None
  simulated: bool = False
  warnings: tuple[str, ...] = ()
  notes: tuple[str, ...] = ()
  facts: Mapping[str, Any] = dataclasses.field(default_factory=dict)
  truth_m: np.ndarray | None = None

  def __post_init__(self) -> None:
    self.skeleton.check_axes(self.positions_m, "positions_m")

  def __len__(self) -> int:
    """How many frames there are."""
    return len(self.positions_m)

  def __repr__(self) -> str:
    return (
      f"<{len(self)} poses of {self.skeleton.num_joints} joints,"
      f" {len(self) / self.rate_hz:.1f} s, {len(self.warnings)} warnings>"
    )

  @property
  def skeleton(self) -> Skeleton:
    """Names and bones of the joints."""
    return self.rest.skeleton

  @property
  def joints(self) -> tuple[str, ...]:
    """Names of the joints, in the order of `positions_m`."""
    return self.skeleton.joints

  def to_bvh(self, path: str | os.PathLike[str]) -> pathlib.Path:
    """Writes a motion file for Blender and other programs, y up.

    Args:
      path: the file to write or replace.

    Returns:
      The file.

    Raises:
      InputError: it cannot be written.
    """
    path = pathlib.Path(path)
    write_bvh(
      path,
      _y_up(self.positions_m, self.y_up),
      self.rate_hz,
      rest=self.rest,
      exact=self.joint_positions,
    )
    return path

  def plot(self, frames: int | Sequence[int] = _PLOTTED) -> Any:
    """Draws some poses side by side, seen from the front of the scene.

    Args:
      frames: how many, evenly spread over time; or which, counted from 0.

    Returns:
      A Matplotlib figure; in a notebook it shows itself, elsewhere
      `figure.savefig("poses.png")` keeps it.

    Raises:
      InputError: Matplotlib is not installed, or there is no such frame.
    """
    try:
      import matplotlib.pyplot as plt
    except ImportError as error:
      raise InputError(
        "plot",
        f"Matplotlib cannot be used ({error})",
        "pip install 'bgm2pose-jax[plot]'",
      ) from error
    chosen = self._chosen(frames)
    up_m = _y_up(self.positions_m, self.y_up)
    low, high = up_m.min(axis=(0, 1)), up_m.max(axis=(0, 1))
    figure, axes = plt.subplots(
      1,
      len(chosen),
      sharey=True,
      squeeze=False,
      figsize=(1.8 * len(chosen), 3.6),
      layout="constrained",
    )
    for axis, number in zip(axes[0], chosen, strict=True):
      for parent, child in self.skeleton.bones:
        x, y, _ = up_m[number, [parent, child]].T
        axis.plot(x, y, color="tab:blue", linewidth=2)
      axis.set(
        title=f"{self.time_s[number]:.2f} s",
        xlabel="x in m",
        xlim=(low[0] - 0.1, high[0] + 0.1),
        ylim=(low[1] - 0.1, high[1] + 0.1),
        aspect="equal",
      )
    axes[0, 0].set_ylabel("height in m")
    # A notebook would show a figure that is open a second time.
    plt.close(figure)
    return figure

  def show(self, title: str = "Poses") -> PlayerPage:
    """Returns a player of the moving skeleton.

    It shows itself where it is the last line of a notebook's cell. Elsewhere
    `poses.show().save("poses.html")` writes a page for a browser. It holds the
    first `packed_poses.MAX_FRAMES` poses.

    Args:
      title: over the player.
    """
    shown = slice(0, packed_poses.MAX_FRAMES)
    up_m = _y_up(self.positions_m[shown], self.y_up)
    truth = self.truth_m
    if truth is not None:
      truth = _y_up(truth[shown], self.y_up)
      if not np.isfinite(truth).all():
        truth = None  # it covers a part alone
    clip = {
      "first": 0,
      "first_s": float(self.time_s[0]),
      "label": "",
      "start": 0,
      "windows": len(up_m),
    }
    data = packed_poses.pack(
      up_m,
      truth,
      clips=[clip],
      clip_frames=1,
      rate_hz=self.rate_hz,
      simulated=self.simulated,
      body={**packed_poses.body(self.skeleton, self.head), "lengths": "m"},
    )
    return PlayerPage(
      render(
        Page(
          title=title,
          banners=[("", text) for text in self.warnings],
          panels=(player.panel(data),),
        )
      ),
      len(up_m),
    )

  def _chosen(self, frames: int | Sequence[int]) -> list[int]:
    if isinstance(frames, int):
      if frames < 1:
        raise InputError("frames", f"is {frames}", "give 1 or more")
      spread = np.linspace(0, len(self) - 1, min(frames, len(self)))
      return np.rint(spread).astype(int).tolist()
    for number in frames:
      if not 0 <= number < len(self):
        raise InputError(
          "frames", f"has {number}", f"give numbers from 0 to {len(self) - 1}"
        )
    if not len(frames):
      raise InputError("frames", "names none", "give one frame or more")
    return list(frames)


class PlayerPage:
  """A page with a player of poses.

  Attributes:
    html: the page; it loads nothing from elsewhere.
  """

  def __init__(self, html: str, frames: int):
    """Takes the page's text and how many poses it plays."""
    self.html = html
    self._frames = frames

  def save(self, path: str | os.PathLike[str]) -> pathlib.Path:
    """Writes the page as one file and returns its path.

    Raises:
      InputError: the file cannot be written.
    """
    path = pathlib.Path(path)
    whole_file.write_text(path, self.html)
    return path

  def __repr__(self) -> str:
    return f"<player of {self._frames} poses; save('poses.html') writes it>"

  def _repr_html_(self) -> str:
    """What a notebook shows: the page in a frame of its own."""
    escaped = self.html.replace("&", "&amp;").replace('"', "&quot;")
    return (
      f'<iframe srcdoc="{escaped}" title="Player of poses" loading="lazy"'
      f' style="width:100%;height:{_FRAME_HEIGHT_PX}px;border:0"></iframe>'
    )


def _y_up(positions_m: np.ndarray, turn: tuple[float, ...]) -> np.ndarray:
  return positions_m * np.asarray(turn, np.float32)
