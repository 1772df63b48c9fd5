"""Sessions of captured motion: one person's clips joined to a recording.

Clips are short and were captured one by one; a session plays them in random
order with crossfades. Where two clips are blended the pose is nobody's, so
the annotation leaves the blend out and ends one window before it: where a
window is kept when it starts inside an annotation, no window crosses a join.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.poses import Clip, resample
from bgm2pose_jax.poses.body21 import BODY21
from bgm2pose_jax.simulate import kinematics
from bgm2pose_jax.simulate.motion import Performance

YAWS = ("front", "keep", "random")
# Shortest stretch that is worth playing beside a window's length.
_SPARE_S = 0.2


def make_session(
  clips: Sequence[Clip],
  duration_s: float,
  rng: np.random.Generator,
  *,
  rate_hz: float = 120.0,
  window_s: float,
  crossfade_s: float = 0.4,
  radius_m: float = 0.35,
  yaw: str = "front",
  excerpt_s: float | None = None,
) -> Performance:
  """Plays one person's clips, each once per round, in random order.

  With `excerpt_s` a round is one of actions instead: each action once, shown by
  an excerpt of one of its clips, so that whoever has the same actions does the
  same in as much time.

  Args:
    clips: clips of one subject.
    duration_s: length of the session; clips are repeated as needed.
    rng: order of the clips (and their turn, with `yaw="random"`).
    rate_hz: poses per second of the session.
    window_s: window length that no annotation may carry across a join.
    crossfade_s: blend between clips, less around very short ones.
    radius_m: the hips stay within this distance of the origin. Walks are
      squeezed towards it (a smooth radial map of the whole body, so bone
      lengths hold and feet slide).
    yaw: `front` turns every clip so that the person faces the loudspeakers
      (-z) on average, `keep` leaves its heading, `random` draws one.
    excerpt_s: longest stretch of a clip to play at a time; None plays whole
      clips.

  Returns:
    A `Performance` of round(duration_s rate_hz) poses; labels are the clips'
    names.

  Raises:
    InputError: no clip that is long enough, or an unknown `yaw`.
  """
  if yaw not in YAWS:
    raise InputError(
      "yaw", f"unknown option {yaw!r}", f"use one of {', '.join(YAWS)}"
    )
  least_s = window_s + _SPARE_S
  if excerpt_s is not None and excerpt_s < least_s:
    raise InputError(
      "excerpt_s", f"{excerpt_s:g}", f"use {least_s:g} s or more"
    )
  usable = [clip for clip in clips if clip.duration_s >= least_s]
  if not usable or duration_s * rate_hz < 1:
    raise InputError(
      "session",
      f"{len(clips)} clips, {len(usable)} of at least {least_s:.1f} s, for"
      f" {duration_s} s",
      "give longer clips of this subject",
    )
  count = int(round(duration_s * rate_hz))
  prepared: dict[str, np.ndarray] = {}
  session = np.zeros((count, BODY21.num_joints, 3))
  spans: list[tuple[int, int, int, str]] = []
  order: list[Clip] = []
  start, previous_fade, previous = 0, 0, None
  while start < count:
    if not order:
      order = _round(usable, rng, by_action=excerpt_s is not None)
      if order[-1] is previous and len(order) > 1:
        # The same clip twice running would read as one of double length.
        order[0], order[-1] = order[-1], order[0]
    clip = order.pop()
    if clip.name not in prepared:
      prepared[clip.name] = _in_place(clip, rate_hz, radius_m, yaw)
    pose = prepared[clip.name]
    if excerpt_s is not None:
      pose = _excerpt(pose, round(excerpt_s * rate_hz), rng)
    if yaw == "random":
      pose = pose @ kinematics.rotation(rng.uniform(0, 2 * np.pi), 0, 0).T
    fade_in = min(previous_fade, _fade(len(pose), window_s, rate_hz, 1e9))
    fade_out = _fade(len(pose), window_s, rate_hz, crossfade_s)
    start -= fade_in
    end = min(start + len(pose), count)
    weight = np.ones(end - start)
    ramp = (np.arange(fade_in) + 1) / (fade_in + 1)
    weight[:fade_in] = (ramp**2 * (3 - 2 * ramp))[: end - start]
    share = weight[:, None, None]
    session[start:end] = (
      share * pose[: end - start] + (1 - share) * session[start:end]
    )
    spans.append((start, start + fade_in, end, clip.name))
    start, previous_fade, previous = start + len(pose), fade_out, clip
  return Performance(
    session.astype(np.float32),
    _labels(spans, count, rate_hz, window_s),
    float(rate_hz),
  )


def _round(
  clips: Sequence[Clip], rng: np.random.Generator, *, by_action: bool
) -> list[Clip]:
  """Every clip once, or one clip of every action, in random order."""
  if by_action:
    shown: dict[str, list[Clip]] = {}
    for clip in clips:
      shown.setdefault(clip.action, []).append(clip)
    clips = [own[int(rng.integers(len(own)))] for own in shown.values()]
  return [clips[i] for i in rng.permutation(len(clips))]


def _excerpt(
  pose: np.ndarray, longest: int, rng: np.random.Generator
) -> np.ndarray:
  """At most so many poses in a row, from a random one on."""
  first = int(rng.integers(max(len(pose) - longest, 0) + 1))
  return pose[first : first + longest]


def _fade(
  samples: int, window_s: float, rate_hz: float, crossfade_s: float
) -> int:
  """Poses of a blend: at most a third of what a clip has beyond a window."""
  spare_s = samples / rate_hz - window_s
  return max(int(min(crossfade_s, spare_s / 3) * rate_hz), 1)


def _labels(
  spans: list[tuple[int, int, int, str]],
  count: int,
  rate_hz: float,
  window_s: float,
) -> list[tuple[float, float, str]]:
  labels = []
  for k, (_, clear, end, name) in enumerate(spans):
    # The next clip's blend begins where that clip begins.
    stop = spans[k + 1][0] if k + 1 < len(spans) else min(end, count)
    last_s = stop / rate_hz - window_s
    if last_s > clear / rate_hz:
      labels.append((clear / rate_hz, last_s, name))
  return labels


def _in_place(
  clip: Clip, rate_hz: float, radius_m: float, yaw: str
) -> np.ndarray:
  """A clip at the session's rate, turned and kept near the origin."""
  pose = np.asarray(
    resample(clip.positions_m, clip.rate_hz, rate_hz), np.float64
  )
  if yaw == "front":
    left = pose[:, BODY21.index("LeftUpLeg")]
    left = left - pose[:, BODY21.index("RightUpLeg")]
    # Facing is left x up; its mean direction is turned to -z.
    heading = np.arctan2(-left[:, 2].mean(), left[:, 0].mean())
    pose = pose @ kinematics.rotation(np.pi - heading, 0, 0).T
  path = pose[:, 0, [0, 2]]
  centre = 0.5 * (path.max(0) + path.min(0))
  away = path - centre
  distance = np.linalg.norm(away, axis=-1, keepdims=True)
  ratio = distance / radius_m
  squeezed = np.where(
    ratio > 1e-6, np.tanh(ratio) / np.maximum(ratio, 1e-6), 1.0
  )
  shift = away * squeezed - path
  pose[:, :, [0, 2]] += shift[:, None]
  return pose
