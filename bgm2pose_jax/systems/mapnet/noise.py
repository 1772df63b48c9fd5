"""What makes the poses poor: swapped joints, then jitter, then a low rate.

The noise of Shrestha et al. (arXiv 2203.12829): Gaussian jitter with a standard
deviation of 300 mm, and joint inversions as a Poisson process of 5 per minute
that last 0.5 to 3 s. The paper leaves open what we choose:

- the jitter is per axis, independent per frame and joint, at 50 frames per
  second;
- an inversion exchanges a left joint with its right one in 70 % of cases, any
  two joints otherwise; overlapping ones compose in the order of their start;
- joints are swapped in the clean pose first, so that the jitter of a joint
  stays where it is; frames are left out last.

A fixed variant of a take has its events drawn once, in NumPy, and a jitter that
depends on its key and the frame of the take alone: two windows that overlap
see the same noise. Fresh noise is drawn for a window from a key per example.
Both are the same process: it began before the take, and before the window.
"""

from __future__ import annotations

import hashlib
import itertools
from typing import TypeVar

import jax
import jax.numpy as jnp
import numpy as np

from bgm2pose_jax.base.array_typing import Array
from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.poses.body13 import BODY13, FRAMES_PER_S, SIDES
from bgm2pose_jax.systems.mapnet.take import WINDOW_FRAMES

JITTER_M = 0.3
EVENTS_PER_MINUTE = 5
SIDE_SHARE = 0.7
# Frames that an event lasts, at least and at most: 0.5 and 3 s.
SHORTEST_FRAMES = 25
LONGEST_FRAMES = 150
# Events that can touch one window. Their number is Poisson with mean 0.396 (5
# per minute times 3 s and the mean length of an event): more than 16 touch one
# window in 4e21.
MAX_EVENTS = 16

# Frames kept of the 150 of a window, by the ratio tau of the rates. At .33
# each third frame is kept: 16.7 frames per second, which the paper calls 17.
# The 51 frames that 17 per second make would need one behind the window.
INPUT_FRAMES = {1.0: 150, 0.5: 75, 0.33: 50}

_Pose = TypeVar("_Pose", np.ndarray, Array)

_GAP_FRAMES = 60 * FRAMES_PER_S / EVENTS_PER_MINUTE
_ANY_TWO = tuple(itertools.combinations(range(BODY13.num_joints), 2))
_JITTER_STREAM, _EVENT_STREAM = 0x6A697474, 0x73776170


def noise_key(seed: int, take_name: str, variant: int) -> int:
  """Key of a fixed variant's jitter: 31 bits of a hash of what names it."""
  return int.from_bytes(_digest(seed, take_name, variant)[16:20]) >> 1


def draw_events(
  seed: int, take_name: str, variant: int, frames: int
) -> np.ndarray:
  """Swap events of a fixed variant, the same whatever else is drawn.

  Args:
    seed: the data set's seed.
    take_name: unique name of the take.
    variant: number of the variant.
    frames: frames of the take.

  Returns:
    float64 [event, 4]: first frame of the event (negative where it began
    before the take), first frame after it, and the two joints. In the order
    of their start. Frames are whole numbers.
  """
  key = np.frombuffer(_digest(seed, take_name, variant)[:16], "<u8")
  rng = np.random.Generator(np.random.Philox(key=key))
  events = []
  start = -LONGEST_FRAMES + rng.exponential(_GAP_FRAMES)
  while start < frames:
    end = start + rng.uniform(SHORTEST_FRAMES, LONGEST_FRAMES)
    pairs = SIDES if rng.random() < SIDE_SHARE else _ANY_TWO
    joints = pairs[rng.integers(len(pairs))]
    # A frame is in the event if start <= frame < end: so it is if both are
    # rounded up.
    if np.ceil(end) > 0:
      events.append((np.ceil(start), np.ceil(end), *joints))
    start += rng.exponential(_GAP_FRAMES)
  return np.array(events, np.float64).reshape(-1, 4)


def window_events(
  events: np.ndarray, first_frame: int, frames: int = WINDOW_FRAMES
) -> np.ndarray:
  """Events that touch a window, as `apply_events` takes them.

  Args:
    events: float64 [event, 4] of the take, from `draw_events`.
    first_frame: the window's first frame in the take.
    frames: frames of the window.

  Returns:
    float32 [MAX_EVENTS, 4], frames counted from the window's first. Rows
    beyond the events are zero: they last no frame.

  Raises:
    InputError: more than `MAX_EVENTS` touch the window.
  """
  start, end = events[:, 0] - first_frame, events[:, 1] - first_frame
  touching = events[(end > 0) & (start < frames)]
  if len(touching) > MAX_EVENTS:
    raise InputError(
      "events",
      f"{len(touching)} in the window from frame {first_frame}",
      f"give at most {MAX_EVENTS} in a window",
    )
  out = np.zeros((MAX_EVENTS, 4), np.float32)
  out[: len(touching)] = touching - (first_frame, first_frame, 0, 0)
  return out


def are_events(events: np.ndarray) -> np.ndarray:
  """Says which rows swap anything.

  Args:
    events: [..., event, 4], from `window_events`.

  Returns:
    bool [..., event].
  """
  return events[..., 1] > events[..., 0]


def fixed_jitter(
  noise_key: Array, first_frame: Array, frames: int = WINDOW_FRAMES
) -> Array:
  """Jitter of windows of fixed variants.

  The random bits are the same on every device; the normals made from them may
  differ in the last digit.

  Args:
    noise_key: int32 [b], from the function `noise_key`.
    first_frame: int32 [b], of each window in its take.
    frames: frames of a window.

  Returns:
    float32 [b, t=frames, joint=13, 3], metres.
  """

  def one(seed: Array, first: Array) -> Array:
    key = jax.random.key(seed, impl="threefry2x32")
    shape = (BODY13.num_joints, 3)
    return jax.vmap(
      lambda frame: jax.random.normal(jax.random.fold_in(key, frame), shape)
    )(first + jnp.arange(frames))

  return JITTER_M * jax.vmap(one)(noise_key, first_frame)


def fresh_jitter(keys: Array, frames: int = WINDOW_FRAMES) -> Array:
  """Jitter that never repeats.

  Args:
    keys: PRNG keys [b], one per example.
    frames: frames of a window.

  Returns:
    float32 [b, t=frames, joint=13, 3], metres.
  """
  shape = (frames, BODY13.num_joints, 3)
  return JITTER_M * jax.vmap(
    lambda key: jax.random.normal(
      jax.random.fold_in(key, _JITTER_STREAM), shape
    )
  )(keys)


def fresh_events(keys: Array, frames: int = WINDOW_FRAMES) -> Array:
  """Swap events that never repeat, as those of `draw_events` see a window.

  Args:
    keys: PRNG keys [b], one per example.
    frames: frames of a window.

  Returns:
    float32 [b, MAX_EVENTS, 4], as from `window_events`; some last no frame of
    the window.
  """
  sides, any_two = jnp.array(SIDES), jnp.array(_ANY_TWO)

  def one(key: Array) -> Array:
    key = jax.random.fold_in(key, _EVENT_STREAM)
    gap, length, side, pair = jax.random.uniform(key, (4, MAX_EVENTS))
    # Independent exponential gaps make a Poisson process.
    start = -LONGEST_FRAMES + jnp.cumsum(-_GAP_FRAMES * jnp.log1p(-gap))
    end = start + SHORTEST_FRAMES + length * (LONGEST_FRAMES - SHORTEST_FRAMES)
    joints = jnp.where(
      (side < SIDE_SHARE)[:, None],
      sides[(pair * len(sides)).astype(int)],
      any_two[(pair * len(any_two)).astype(int)],
    )
    events = jnp.column_stack([jnp.ceil(start), jnp.ceil(end), joints])
    touching = (events[:, 1] > 0) & (events[:, 0] < frames)
    return jnp.where(touching[:, None], events, 0)

  return jax.vmap(one)(keys)


def apply_events(pose: Array, events: Array) -> Array:
  """Exchanges joints for as long as each event lasts.

  Args:
    pose: [b, t, joint=13, 3].
    events: float32 [b, event, 4], from `window_events` or `fresh_events`.

  Returns:
    The same shape.
  """
  frame = jnp.arange(pose.shape[1])[:, None]
  # Which joint of the clean pose lies in each place: from the last event to
  # the first, where was what lies there now? Integers up to 12 as floats.
  place = jnp.arange(pose.shape[2], dtype=events.dtype)
  # Of the poses' own kind: a device's own where they are.
  source = jnp.zeros_like(pose[..., 0], events.dtype) + place

  def before(source: Array, event: Array) -> tuple[Array, None]:
    start, end, first, second = jnp.moveaxis(event, 1, 0)[..., None, None]
    active = (start <= frame) & (frame < end)
    other = jnp.where(source == second, first, source)
    other = jnp.where(source == first, second, other)
    return jnp.where(active, other, source), None

  # In a loop: written out, it takes five times as long on CPU.
  by_event = jnp.moveaxis(events, 1, 0)
  source, _ = jax.lax.scan(before, source, by_event, reverse=True)
  return jnp.take_along_axis(pose, source[..., None].astype(int), axis=2)


def keep_frames(pose: _Pose, tau: float) -> _Pose:
  """Every round(1 / tau)-th frame, from the first.

  Args:
    pose: [b, t=150, joint=13, 3], NumPy or JAX, noise included.
    tau: rate of the input over that of the result, a key of `INPUT_FRAMES`.

  Returns:
    [b, t=INPUT_FRAMES[tau], joint=13, 3].

  Raises:
    InputError: a ratio that is not in `INPUT_FRAMES`.
  """
  if tau not in INPUT_FRAMES:
    given = ", ".join(f"{key:g}" for key in INPUT_FRAMES)
    raise InputError(f"--tau={tau}", "is no rate of MAPnet", f"give {given}")
  return pose[:, :: round(1 / tau)]


def _digest(seed: int, take_name: str, variant: int) -> bytes:
  """Hash of what names a variant, the same on every machine."""
  names = repr((int(seed), str(take_name), int(variant)))
  return hashlib.sha256(names.encode()).digest()
