"""Each fault of recordings is reported by its name, its pair and its files."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import swept_room_fixture as swept

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.systems.posekernel.extraction import recording
from bgm2pose_jax.systems.posekernel.extraction.kernels import kernels_of
from bgm2pose_jax.systems.posekernel.extraction.recording import Recording

NOISE = 1e-4


def _take(number, **given):
  samples = swept.sample(number, noise=NOISE, seed=number, **given)
  return Recording(f"s{number}", samples, swept.loopback(**_latency(given)))


def _empty(number, **given):
  samples = swept.recording(None, noise=NOISE, seed=90 + number, **given)
  return Recording(f"e{number}", samples, swept.loopback(**_latency(given)))


def _latency(given):
  return {k: v for k, v in given.items() if k in ("latency", "samples")}


def _without_loopback(takes):
  return [dataclasses.replace(each, loopback=None) for each in takes]


def _report(takes, empty=None, *, loopback=False, **given):
  empty = empty or [_empty(i) for i in range(4)]
  if not loopback:
    takes, empty = _without_loopback(takes), _without_loopback(empty)
  kernels, report = kernels_of(
    takes, empty, swept.SWEEP, swept.RATE_HZ, swept.TAPS, **given
  )
  for fault in report.faults:
    assert fault.fix in fault.sentence()
    assert fault.to_dict()["said"] == fault.sentence()
  told = [line for line in report.lines() if line.startswith("warning")]
  assert bool(told) == bool(report.faults)
  # Zero where unusable, and nowhere else.
  assert (np.abs(kernels).max(axis=2) > 0).tolist() == report.usable.tolist()
  return report


def _only(report):
  (fault,) = report.faults
  return fault


def test_recordings_without_faults_have_none():
  assert not _report([_take(i) for i in range(5)]).faults
  assert not _report([_take(i) for i in range(5)], loopback=True).faults


def test_clipped():
  takes = [_take(i) for i in range(5)]
  for take in takes[:4]:
    take.samples[2] = np.clip(8 * take.samples[2], -1, 1)
  report = _report(takes)
  found = {fault.name: fault for fault in report.faults}["clipped"]
  assert (found.pair, found.recordings, found.of) == (
    3,
    ("s0", "s1", "s2", "s3"),
    5,
  )
  assert found.value > 100
  assert "pair 3: clipped in 4 of 5 recordings" in found.sentence()
  assert "lower the level" in found.sentence()


@pytest.mark.parametrize(("dtype", "scale"), [(np.int16, 2**15), (None, 1)])
def test_runs_at_full_scale_are_counted(dtype, scale):
  sound = np.sin(np.arange(960) / 20)
  assert recording.clipped_samples(sound) == 0
  loud = np.clip(2 * sound, -1, 1 - 1 / scale if dtype else 1)
  if dtype:
    loud = (loud * scale).round().clip(-scale, scale - 1).astype(dtype) / scale
  expected = (np.abs(2 * sound) >= 0.999).sum()
  assert recording.clipped_samples(loud) == pytest.approx(expected, abs=16)
  assert recording.clipped_samples(np.full(2, 1.0)) == 0
  assert recording.clipped_samples(np.array([0, 1.0, 1, 1, 0, -1, -1])) == 3
  # A float recording may be louder than full scale without being clipped.
  assert recording.clipped_samples(3 * sound) == 0


def test_a_silent_pair():
  takes = [_take(i) for i in range(3)]
  takes[1].samples[0] = 1e-6
  report = _report(takes)
  found = _only(report)
  assert (found.name, found.pair, found.recordings) == ("silent", 1, ("s1",))
  assert report.usable.tolist() == [[True] * 3, [False, True, True], [True] * 3]
  # Also where a kernel is no difference.
  _report(takes, kernel="env_ratio")


def test_a_dead_pair():
  rng = np.random.default_rng(0)
  takes, empty = [_take(i) for i in range(3)], [_empty(i) for i in range(3)]
  for take in (*takes, *empty):
    take.samples[1] = 0.1 * rng.normal(size=10_000)
  report = _report(takes, empty)
  assert [(f.name, f.pair, f.empty) for f in report.faults] == [
    ("no_sweep", 2, False),
    ("no_sweep", 2, True),
  ]
  assert not report.usable[:, 1].any()
  assert report.usable[:, [0, 2]].all()
  assert report.to_dict()["unusable"] == {f"s{i}": [2] for i in range(3)}
  assert np.isnan(report.latency_ms[1])


def test_a_pair_without_an_empty_room():
  empty = [_empty(i) for i in range(3)]
  for take in empty:
    take.samples[1] = 0
  report = _report([_take(0)], empty)
  fault = _only(report)
  assert (fault.name, fault.pair, fault.empty) == ("silent", 2, True)
  assert report.usable.tolist() == [[True, False, True]]
  assert np.isnan(report.snr_all_db[1])


def test_a_missing_pair():
  takes = [_take(0), _take(1)]
  takes[1] = Recording("s1", takes[1].samples[:2])
  found = _only(_report(takes))
  assert (found.name, found.pair, found.value) == ("missing_pair", 3, 2)


def test_too_short():
  takes = [_take(0), _take(1, samples=6_200), _take(2, samples=5_000)]
  report = _report(takes)
  found = {(f.name, f.pair): f for f in report.faults}
  assert found.keys() == {("too_short", pair) for pair in (1, 2, 3)}
  # The sweep's 4800 samples after 700, then 1024 taps, 200 of them missing.
  assert found["too_short", 1].recordings == ("s1", "s2")
  assert found["too_short", 1].value == pytest.approx(1524 / 96, abs=0.02)
  # The last holds no whole sweep.
  assert report.usable.tolist() == [[True] * 3, [True] * 3, [False] * 3]


def test_latency_that_differs():
  takes = [_take(i) for i in range(5)]
  takes[3] = _take(3, latency=700 + 256)
  found = _only(_report(takes))
  assert (found.name, found.pair, found.recordings) == (
    "latency_differs",
    0,
    ("s3",),
  )
  assert found.value == pytest.approx(256 / 96, abs=0.01)
  # A loopback takes it out.
  assert not _report(takes, loopback=True).faults


def test_samples_lost_between_pairs():
  takes = [_take(i) for i in range(5)]
  takes[2].samples[1, :-64] = takes[2].samples[1, 64:]
  found = _only(_report(takes))
  assert (found.name, found.pair, found.recordings) == (
    "samples_lost",
    2,
    ("s2",),
  )
  assert found.value == pytest.approx(-64 / 96, abs=0.01)


def test_samples_lost_within_the_sweep():
  takes = [_take(i) for i in range(3)]
  samples = takes[1].samples
  samples[0, 3000:-64] = samples[0, 3064:]
  report = _report(takes)
  assert ("direct_differs", 1) in {(f.name, f.pair) for f in report.faults}


def test_another_level():
  takes = [_take(i) for i in range(3)]
  takes[1].samples[2] *= 0.7
  report = _report(takes)
  found = {f.name: f for f in report.faults}["level_differs"]
  assert (found.pair, found.recordings) == (3, ("s1",))
  assert found.value == pytest.approx(20 * np.log10(0.7), abs=0.05)


def test_direct_sound_left():
  takes = [_take(i) for i in range(5)]
  plain = _report(takes)
  takes[3].samples[0] *= 0.85
  report = _report(takes)
  found = {f.name: f for f in report.faults}["direct_residue"]
  assert (found.pair, found.recordings) == (1, ("s3",))
  assert found.value == pytest.approx(20 * np.log10(0.15), abs=0.2)
  # The figures are of the others.
  np.testing.assert_allclose(report.snr_all_db, plain.snr_all_db, atol=1)
  assert (report.direct_residue_db < -60).all()


def test_pairs_with_the_same_fault_share_a_sentence():
  takes = [_take(i) for i in range(4)]
  takes[1].samples[:] *= 0.85
  takes[1].samples[2] *= 0.5
  report = _report(takes)
  told = [x for x in report.lines() if "direct sound left in" in x]
  assert len(told) == 1
  assert (
    "pairs 1, 2 and 3: direct sound left in the kernels in 1 of 4" in told[0]
  )
  worst = max(f.value for f in report.faults if f.name == "direct_residue")
  assert f"{worst:.3g} dB of it at worst" in told[0]


def test_a_clipped_recording_is_no_reference():
  empty = [_empty(i) for i in range(3)]
  empty[0].samples[0] = np.clip(8 * empty[0].samples[0], -1, 1)
  report = _report([_take(i) for i in range(3)], empty)
  fault = _only(report)
  assert (fault.name, fault.pair, fault.empty) == ("clipped", 1, True)
  # Nor is it in the mean.
  assert report.empty.tolist() == [2, 3, 3]
  assert (report.direct_residue_db < -60).all()


def test_empty_rooms_that_differ_are_left_out():
  empty = [_empty(i) for i in range(5)]
  empty[1].samples[0] *= 0.7
  empty[3].samples[2] = np.roll(empty[3].samples[0], 40)[::-1]
  report = _report([_take(i) for i in range(3)], empty)
  assert {(f.name, f.pair, f.recordings) for f in report.faults} == {
    ("level_differs", 1, ("e1",)),
    ("no_sweep", 3, ("e3",)),
  }
  assert report.empty.tolist() == [4, 5, 4]
  assert (report.direct_residue_db < -60).all()


def test_kernels_in_the_noise():
  nobody = [
    Recording(f"s{i}", swept.recording(None, noise=0.01, seed=i))
    for i in range(4)
  ]
  empty = [
    Recording(f"e{i}", swept.recording(None, noise=0.01, seed=9 + i))
    for i in range(4)
  ]
  report = _report(nobody, empty)
  assert {f.name for f in report.faults} == {"low_snr"}
  assert (report.snr_all_db < 0).all()


def test_a_loopback_without_a_sweep():
  takes = [_take(i) for i in range(3)]
  takes[1].loopback[:] = 0
  found = _only(_report(takes, loopback=True))
  assert (found.name, found.recordings) == ("loopback_silent", ("s1",))


def test_a_loopback_of_another_time():
  takes = [_take(i) for i in range(2)]
  late = np.roll(takes[1].loopback, 2_000)
  early = _take(2, latency=3_000)
  takes = [
    takes[0],
    Recording("late", takes[1].samples, late),
    Recording("early", early.samples, np.roll(early.loopback, -2_000)),
  ]
  report = _report(takes, loopback=True)
  assert {f.name for f in report.faults} == {"loopback_far"}
  assert report.faults[0].recordings == ("late", "early")
  assert report.faults[0].value == pytest.approx(-2_000 / 96, abs=0.05)


def test_unusable_as_a_whole():
  takes = [
    _take(0),
    Recording("bad", np.zeros((0, 0)), fault="unreadable", detail="is cut"),
    Recording("slow", np.zeros((0, 0)), fault="sample_rate", value=44_100),
  ]
  report = _report(takes)
  assert [(f.name, f.pair) for f in report.faults] == [
    ("unreadable", 0),
    ("sample_rate", 0),
  ]
  assert "cannot be read in 1 of 3 recordings" in report.faults[0].sentence()
  assert "is cut" in report.faults[0].sentence()
  assert "44100 Hz" in report.faults[1].sentence()


def test_nothing_usable_ends_in_one_line():
  silent = Recording("s", np.zeros((3, 10_000)))
  with pytest.raises(InputError, match=r"none can be used .*silent.*; check"):
    _report([_take(0)], [silent])
  with pytest.raises(InputError, match=r"person: none can be used \(pair 1"):
    _report([silent])
