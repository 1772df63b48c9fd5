"""Windows, placing and one clock, with refiners whose answer is known."""

import numpy as np
import pytest
import soundfile
import violinist_fixture as violinist
from scipy.spatial.transform import Rotation

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.poses.body13 import BODY13
from bgm2pose_jax.systems.mapnet.refine import (
  bridging,
  sound_beside,
  training_frame,
  windows,
)
from bgm2pose_jax.systems.mapnet.refine.pose_track import PoseTrack
from bgm2pose_jax.systems.mapnet.refine.refiner import Refiner
from bgm2pose_jax.systems.mapnet.refine.sound_beside import Sound
from bgm2pose_jax.systems.mapnet.refine.training_frame import NOWHERE

MEAN_M = violinist.MEAN_M


def track_of(position_m, time_s):
  return PoseTrack(
    where="poses",
    time_s=np.asarray(time_s, float),
    position_m=np.asarray(position_m, float),
    missing=np.zeros(position_m.shape[:2], bool),
    hip_centred=False,
    notes=(),
  )


def refiner_of(refine, place):
  return Refiner(
    refine=refine,
    input_place=np.asarray(place, float),
    mean_pose_m=MEAN_M,
    simulated=True,
    facts={},
  )


IDENTITY = refiner_of(lambda poses, audio: poses, np.arange(150))


def _first_row(poses, audio):
  """Every joint of a window where its sound begins."""
  out = np.zeros((len(poses), 150, 13, 3))
  return out + audio[:, :1, :1, None]


@pytest.mark.parametrize("frames", [150, 151, 199, 200, 460])
@pytest.mark.parametrize("overlap", ["mean", "last"])
@pytest.mark.parametrize("mode", ["yaw", "none"])
def test_the_identity_gives_the_input(frames, overlap, mode):
  time_s = np.arange(frames) / 50
  wanted = violinist.bowing_m(time_s) @ Rotation.from_euler(
    "y", 130, degrees=True
  ).as_matrix() + [0.3, 0.1, -2.0]
  track = track_of(wanted, time_s)
  placing = training_frame.find(track, MEAN_M, mode)
  heard = violinist.features(None, None, frames)
  got = windows.refined(IDENTITY, track, placing, heard, 0.0, overlap=overlap)
  assert got.shape == wanted.shape
  np.testing.assert_allclose(got, wanted, atol=1e-6)


def test_a_take_shorter_than_a_window_is_filled_up():
  time_s = np.arange(60) / 50
  wanted = violinist.bowing_m(time_s)
  seen = []

  def refine(poses, audio):
    seen.append((poses, audio))
    return poses

  got = windows.refined(
    refiner_of(refine, np.arange(150)),
    track_of(wanted, time_s),
    NOWHERE,
    violinist.features(None, None, 60),
    0.0,
  )
  np.testing.assert_allclose(got, wanted, atol=1e-6)
  ((poses, audio),) = seen
  np.testing.assert_allclose(
    poses[0, 60:], np.repeat(wanted[59:], 90, 0), atol=1e-6
  )
  assert audio[0, :, 0].tolist() == [*range(60), *[59] * 90]


def test_overlaps_are_averaged_or_the_last_wins():
  frames = 275
  track = track_of(np.repeat(MEAN_M[None], 300, 0), np.arange(300) / 50)
  heard = violinist.features(None, None, frames)
  starts = [0, 50, 100, 125]
  for overlap in windows.OVERLAPS:
    got = windows.refined(
      refiner_of(_first_row, np.arange(150)),
      track, NOWHERE, heard, 0.0, overlap=overlap,
    )[:, 0, 0]  # fmt: skip
    for frame in range(frames):
      held = [s for s in starts if s <= frame < s + 150]
      wanted = held[-1] if overlap == "last" else np.mean(held)
      assert got[frame] == pytest.approx(wanted), (overlap, frame)


def test_a_long_take_goes_in_batches_of_one_size():
  frames = 50 * 40
  time_s = np.arange(frames) / 50
  sizes = []

  def refine(poses, audio):
    sizes.append(len(poses))
    return poses

  wanted = violinist.bowing_m(time_s)
  got = windows.refined(
    refiner_of(refine, np.arange(150)),
    track_of(wanted, time_s),
    NOWHERE,
    violinist.features(None, None, frames),
    0.0,
  )
  assert sizes == [windows.BATCH] * 3
  np.testing.assert_allclose(got, wanted, atol=1e-6)


@pytest.mark.parametrize("rate_hz", [17.0, 25.0, 29.97, 50.0])
def test_a_slow_network_sees_the_poses_at_its_own_times(rate_hz):
  time_s = np.arange(round(6 * rate_hz)) / rate_hz
  place = np.arange(0, 150, 3)
  seen = []

  def refine(poses, audio):
    seen.append((poses, audio[:, 0, 0]))
    return np.repeat(poses, 3, axis=1)

  refiner = refiner_of(refine, place)
  assert refiner.input_hz == pytest.approx(50 / 3)
  windows.refined(
    refiner,
    track_of(violinist.bowing_m(time_s), time_s),
    NOWHERE,
    violinist.features(None, None, 290),
    0.0,
  )
  ((poses, first),) = seen
  for pose, start in zip(poses, first):
    wanted = violinist.bowing_m((start + place) / 50)
    assert np.abs(pose - wanted)[1:-1].max() < 0.01


@pytest.mark.parametrize(
  ("refine", "said"),
  [
    (lambda poses, audio: poses[:, :149], "shape"),
    (lambda poses, audio: poses * np.nan, "not finite"),
  ],
)
def test_a_network_gone_wrong_is_named(refine, said):
  track = track_of(np.repeat(MEAN_M[None], 150, 0), np.arange(150) / 50)
  with pytest.raises(InputError, match=said):
    windows.refined(
      refiner_of(refine, np.arange(150)),
      track, NOWHERE, violinist.features(None, None, 150), 0.0,
    )  # fmt: skip


@pytest.mark.parametrize("degrees", [-170, -90, -5, 0, 60, 179])
def test_the_person_faces_as_in_the_training(degrees):
  rng = np.random.default_rng(abs(degrees))
  turn = Rotation.from_euler("y", degrees, degrees=True).as_matrix()
  time_s = np.arange(500) / 50
  # Some jitter, and a third of the poses far away.
  poses = violinist.bowing_m(time_s) @ turn.T + [4.0, 1.0, -3.0]
  poses += 0.05 * rng.normal(size=poses.shape)
  poses[::3] += 5 * rng.normal(size=poses[::3].shape)
  placing = training_frame.find(track_of(poses, time_s), MEAN_M, "yaw")
  there = placing.into(violinist.bowing_m(time_s) @ turn.T + [4.0, 1.0, -3.0])
  wanted = violinist.bowing_m(time_s)
  assert np.abs(there - wanted).max() < 0.06
  np.testing.assert_allclose(placing.back(there), placing.back(
    placing.into(placing.back(there))), atol=1e-12)  # fmt: skip


def test_yaw_is_the_least_squares_of_all_angles():
  rng = np.random.default_rng(3)
  a, b = rng.normal(size=(2, 13, 3))

  def cost(yaw):
    turned = training_frame.Placing(np.zeros(3), yaw).into(a - a.mean(0))
    return ((turned - (b - b.mean(0))) ** 2).sum()

  found = training_frame.yaw_between(a, b)
  angles = np.linspace(-np.pi, np.pi, 4_001)
  best = angles[np.argmin([cost(angle) for angle in angles])]
  assert found == pytest.approx(best, abs=2e-3)


def test_origin_alone_is_the_median_left_toe():
  time_s = np.arange(100) / 50
  poses = violinist.bowing_m(time_s) + np.array([1.0, 2.0, 3.0])
  placing = training_frame.find(track_of(poses, time_s), MEAN_M, "origin")
  assert placing.yaw_rad == 0
  toe = placing.into(poses)[:, BODY13.index("LTOE")]
  np.testing.assert_allclose(toe, 0, atol=1e-12)


def _sound(seconds, rate_hz=8000):
  return Sound("sound", np.zeros(round(seconds * rate_hz), np.float32), rate_hz)


@pytest.mark.parametrize(
  ("poses_s", "sound_s", "offset_ms", "row", "frames", "first_s", "said"),
  [
    (4.0, 4.0, 0.0, 0, 200, 0.0, []),
    (4.0, 3.0, 0.0, 0, 150, 0.0, ["poses end 1.00 s after"]),
    (3.0, 4.0, 0.0, 0, 150, 0.0, ["sound ends 1.00 s after"]),
    # The sound begins half a second later: its first frame lies at 0.5 s.
    (4.0, 4.0, 500.0, 0, 175, 0.5,
     ["sound ends 0.50 s after", "poses begin 0.50 s before"]),
    (4.0, 4.0, -500.0, 25, 175, 0.0,
     ["poses end 0.50 s after", "sound begins 0.50 s before"]),
    # Frames lie on those of the sound.
    (4.0, 4.0, 30.0, 0, 198, 0.03, []),
    (4.0, 4.0, -30.0, 2, 198, 0.01, []),
  ],
)  # fmt: skip
def test_one_clock(poses_s, sound_s, offset_ms, row, frames, first_s, said):
  time_s = np.arange(round(25 * poses_s)) / 25
  track = track_of(violinist.bowing_m(time_s), time_s)
  _, found = sound_beside.on_one_clock(track, _sound(sound_s), offset_ms)
  assert (found.first_row, found.frames) == (row, frames)
  assert found.first_s == pytest.approx(first_s)
  text = " ".join(found.notes)
  for each in said:
    assert each in text
  assert text.count("that is cut") == len(said)


def test_times_of_a_computers_clock_begin_at_the_first_pose():
  time_s = 1.7e9 + np.arange(100) / 25
  track = track_of(violinist.bowing_m(time_s - 1.7e9), time_s)
  moved, found = sound_beside.on_one_clock(track, _sound(4.0))
  assert moved.time_s[0] == 0
  assert (found.first_row, found.frames) == (0, 200)
  assert "counted from the first pose" in found.notes[0]


def test_poses_that_begin_later_lie_where_they_say():
  time_s = 1.0 + np.arange(50) / 25
  track = track_of(violinist.bowing_m(time_s), time_s)
  moved, found = sound_beside.on_one_clock(track, _sound(4.0))
  assert moved is track
  assert (found.first_row, found.frames, found.first_s) == (50, 100, 1.0)


def test_nothing_in_common_is_refused():
  time_s = np.arange(100) / 25
  track = track_of(violinist.bowing_m(time_s), time_s)
  with pytest.raises(InputError, match="too little in common"):
    sound_beside.on_one_clock(track, _sound(4.0), 3_800.0)


def test_gaps_are_counted_by_joint():
  missing = np.zeros((10, 13), bool)
  missing[2:5, 3] = missing[7, 3] = missing[0, 12] = True
  found = bridging.gaps(missing, np.arange(10) / 25)
  assert [(g.joint, g.frames) for g in found] == [("RMEL", 4), ("LTOE", 1)]
  assert found[0].longest_s == pytest.approx(3 / 25)


def test_the_curve_goes_through_poses_and_beyond_none():
  rng = np.random.default_rng(0)
  time_s = np.cumsum(rng.uniform(0.001, 0.1, 80))
  poses = rng.normal(size=(80, 13, 3))
  track = track_of(poses, time_s)
  np.testing.assert_allclose(track.at(time_s), poses, atol=1e-12)
  between = track.at(np.linspace(-1, 10, 5000))
  assert np.abs(between).max() <= np.abs(poses).max()
  np.testing.assert_allclose(between[0], poses[0])
  np.testing.assert_allclose(between[-1], poses[-1])
  # Pieces are those of the whole curve.
  part = np.linspace(time_s[30], time_s[33], 17)
  whole = track.at(np.concatenate([[time_s[0]], part, [time_s[-1]]]))[1:-1]
  np.testing.assert_allclose(track.at(part), whole, atol=1e-12)


def test_a_frame_is_bridged_where_the_nearest_pose_is():
  missing = np.zeros((4, 13), bool)
  missing[1, 5] = True
  time_s = np.array([0.0, 0.1, 0.3, 0.4])
  track = PoseTrack(
    "x", time_s, np.zeros((4, 13, 3)), missing, hip_centred=False, notes=()
  )
  at_s = np.array([-1, 0.0, 0.04, 0.06, 0.1, 0.19, 0.21, 0.3, 2])
  found = track.bridged_at(at_s)
  assert found.sum() == found[:, 5].sum()
  assert found[:, 5].tolist() == [False] * 3 + [True] * 3 + [False] * 3


def test_poses_behind_the_cut_are_not_seen():
  time_s = np.arange(200) / 50
  wanted = violinist.bowing_m(time_s)
  seen = []

  def refine(poses, audio):
    seen.append(poses)
    return poses

  windows.refined(
    refiner_of(refine, np.arange(150)),
    track_of(wanted, time_s),
    NOWHERE,
    violinist.features(None, None, 100),
    0.0,
  )
  np.testing.assert_allclose(
    seen[0][0, 100:], np.repeat(wanted[99:100], 50, 0), atol=1e-6
  )


def test_a_sound_of_several_channels_is_their_mean(tmp_path):
  samples = np.random.default_rng(0).uniform(-1, 1, (16_000, 3))
  soundfile.write(tmp_path / "a.wav", samples, 8000, subtype="FLOAT")
  found = sound_beside.read(tmp_path / "a.wav")
  np.testing.assert_allclose(found.samples, samples.mean(axis=1), atol=1e-6)
  assert (found.rate_hz, found.frames) == (8000, 100)
