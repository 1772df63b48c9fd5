"""Sessions of clips: annotations never cross a join, people stay in place."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.poses import Clip
from bgm2pose_jax.poses.body21 import BODY21
from bgm2pose_jax.simulate import kinematics, motion, sessions

_RATE = 120.0


def _clip(name: str, seconds: float, rate_hz: float = 120.0, drift_m=0.0):
  style = motion.subject_style("7")
  done = motion.perform(
    style, seconds, motion.random_stream(1, name), rate_hz=rate_hz
  )
  turned = done.positions_m @ kinematics.rotation(1.0, 0, 0).T
  turned[:, :, 0] += np.linspace(0, drift_m, len(turned))[:, None] + 3.0
  return Clip(
    name=name,
    subject="subject_01",
    rate_hz=rate_hz,
    positions_m=turned.astype(np.float32),
    description="",
    source_path=f"{name}.bvh",
    height_m=1.7,
    unit_note="",
    frame_range=(0, len(turned)),
  )


@pytest.fixture(scope="module")
def clips():
  return [
    _clip("long", 7.0, drift_m=4.0),
    _clip("slow", 5.0, rate_hz=60.0),
    _clip("short", 1.4),
    _clip("mid", 3.3),
  ]


def _session(clips, duration_s=60.0, seed=0, **options):
  rng = np.random.Generator(np.random.Philox(key=seed))
  return sessions.make_session(clips, duration_s, rng, window_s=0.6, **options)


def test_length_and_repetition(clips):
  done = _session(clips)
  assert done.positions_m.shape == (7200, 21, 3)
  names = [label for _, _, label in done.labels]
  assert set(names) == {clip.name for clip in clips}
  assert len(names) > len(clips)


def test_annotated_windows_hold_one_clip_only(clips):
  """Every window that an annotation keeps is a rigidly moved piece of it.

  Blends distort bones, so constant bone lengths show that no kept window
  touches a join; the pose between frames must also move like the clip's.
  """
  done = _session(clips)
  windows = 0
  for start_s, end_s, _ in done.labels:
    assert end_s > start_s
    first = int(np.ceil(start_s * _RATE - 1e-6))
    last = int(np.floor((end_s + 0.6) * _RATE + 1e-6))
    piece = done.positions_m[first:last]
    for parent, child in BODY21.bones:
      bone = np.linalg.norm(piece[:, child] - piece[:, parent], axis=-1)
      assert np.ptp(bone) < 2e-3
    windows += int(end_s / 0.6) - int(np.ceil(start_s / 0.6)) + 1
  assert windows > 60


def test_labels_do_not_overlap_a_window_of_the_next(clips):
  labels = _session(clips).labels
  for (_, end_s, _), (start_s, _, _) in itertools.pairwise(labels):
    assert end_s + 0.6 <= start_s + 1e-9


def test_joins_are_continuous(clips):
  done = _session(clips)
  speed = np.linalg.norm(np.diff(done.positions_m, axis=0), axis=-1) * _RATE
  assert speed.max() < 15.0  # a jump cut would be above 50 m/s


def test_walker_stays_in_place_without_distortion(clips):
  done = _session(clips, radius_m=0.3)
  root = np.linalg.norm(done.positions_m[:, 0, [0, 2]], axis=-1)
  assert root.max() <= 0.3 + 1e-5
  clip = sessions._in_place(clips[0], _RATE, 0.3, "keep")
  moved = clips[0].positions_m - clips[0].positions_m[:, :1]
  np.testing.assert_allclose(clip - clip[:, :1], moved, atol=1e-5)


def test_front_faces_the_loudspeakers_and_keep_does_not(clips):
  def facing(yaw):
    done = _session(clips[3:], 3.0, yaw=yaw)
    left = done.positions_m[:, BODY21.index("LeftUpLeg")]
    left = left - done.positions_m[:, BODY21.index("RightUpLeg")]
    mean = np.array([-left[:, 2].mean(), left[:, 0].mean()])
    return mean / np.linalg.norm(mean)

  assert facing("front")[1] < -0.99
  assert facing("keep")[1] > -0.8


def test_order_is_a_function_of_the_generator(clips):
  first, again, other = (
    _session(clips),
    _session(clips),
    _session(clips, seed=1),
  )
  assert first.positions_m.tobytes() == again.positions_m.tobytes()
  assert first.labels == again.labels
  assert first.labels != other.labels


def test_floor_is_kept(clips):
  done = _session(clips)
  assert done.positions_m[..., 1].min() > 0.0


def test_unusable_clips_are_refused(clips):
  with pytest.raises(InputError, match="longer clips"):
    _session([_clip("tiny", 0.5)])
  with pytest.raises(InputError, match="yaw"):
    _session(clips, yaw="sideways")


def test_with_excerpts_a_round_shows_each_action_once(clips):
  long, slow, _, mid = clips
  acting = [
    dataclasses.replace(long, action="walk"),
    dataclasses.replace(slow, action="walk"),
    dataclasses.replace(mid, action="wave"),
  ]
  done = _session(acting, excerpt_s=2.0)
  action = {clip.name: clip.action for clip in acting}
  names = [action[label] for _, _, label in done.labels]
  for first, second in zip(names[::2], names[1::2], strict=False):
    assert {first, second} == {"walk", "wave"}
  assert {label for _, _, label in done.labels} == set(action)
  assert max(end - start for start, end, _ in done.labels) < 2.0
  with pytest.raises(InputError, match="excerpt_s"):
    _session(acting, excerpt_s=0.5)
