"""Recordings made of a known room and known kernels, back to the kernels."""

from __future__ import annotations

import json

import numpy as np
import pytest
import swept_room_fixture as swept
from scipy import signal

from bgm2pose_jax.audio import deconvolution
from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.systems.posekernel.extraction import measures
from bgm2pose_jax.systems.posekernel.extraction.envelopes import envelope
from bgm2pose_jax.systems.posekernel.extraction.kernels import kernels_of
from bgm2pose_jax.systems.posekernel.extraction.plan import Plan
from bgm2pose_jax.systems.posekernel.extraction.recording import Recording

SAMPLES, EMPTY = 3, 4
TRUE = np.array(
  [[swept.kernel(i, j) for j in range(swept.PAIRS)] for i in range(SAMPLES)]
)


def _extracted(occupied, empty, **given):
  return kernels_of(
    occupied, empty, swept.SWEEP, swept.RATE_HZ, swept.TAPS, **given
  )


def _off(kernels, true=TRUE):
  return np.linalg.norm(kernels - true) / np.linalg.norm(true)


def _names(report):
  return {(fault.name, fault.pair) for fault in report.faults}


def test_kernels_come_back():
  kernels, report = _extracted(
    [swept.sample(i) for i in range(SAMPLES)],
    [swept.recording(None) for _ in range(EMPTY)],
  )
  assert kernels.dtype == np.float32
  assert kernels.shape == (SAMPLES, swept.PAIRS, swept.TAPS)
  # The fixture plays at 0.5; 0.1 % is eps, the rest the band's edges.
  assert _off(kernels / 0.5) < 0.02
  assert not report.faults
  assert report.usable.all()
  np.testing.assert_allclose(report.latency_ms, 700 / 96, atol=1e-3)
  assert (report.direct_residue_db < -100).all()


def test_latencies_between_samples_are_taken_out():
  """Each recording begins at another part of a sample, as free clocks do."""
  kernels, report = _extracted(
    [swept.sample(i, latency=700 + 137.37 * i) for i in range(SAMPLES)],
    [swept.recording(None, latency=650 + 0.29 * i) for i in range(EMPTY)],
  )
  assert _off(kernels / 0.5) < 0.02
  assert _names(report) == {("latency_differs", 0)}
  assert (report.direct_residue_db < -80).all()
  late = [fault for fault in report.faults if not fault.empty]
  assert late[0].recordings == ("sample 1", "sample 2", "sample 3")


def test_an_uncorrected_latency_would_show():
  """What the test above would find without alignment: a given latency."""
  _, report = _extracted(
    [swept.sample(0, latency=650.5)],
    [swept.recording(None, latency=650.0) for _ in range(EMPTY)],
    latency_samples=650.0,
  )
  assert ("direct_residue", 1) in _names(report)


def test_a_loopback_takes_latency_and_converters_out():
  # Converters that repeat themselves, in both channels.
  converter = np.zeros(401)
  converter[[0, 400]] = 1.0, 0.4

  def take(name, samples, latency):
    heard = swept.loopback(latency=latency)
    return Recording(
      name,
      signal.lfilter(converter, 1, samples),
      signal.lfilter(converter, 1, heard),
    )

  late = 800.4
  kernels, report = _extracted(
    [
      take(f"s{i}", swept.sample(i, latency=late * i + 100), late * i + 100)
      for i in range(SAMPLES)
    ],
    [
      take("e", swept.recording(None, latency=333.3), 333.3)
      for _ in range(EMPTY)
    ],
  )
  # The sound was as loud in the loopback.
  assert _off(kernels) < 0.04
  assert not report.faults
  assert report.aligned_by == "loopback"


def test_loudspeakers_may_play_one_after_another():
  """Every microphone hears all sweeps; its own loudspeaker is the loudest."""
  slots = (500, 12_000, 25_000)

  def in_time(number):
    out = np.zeros((swept.PAIRS, 40_000))
    heard = np.zeros(40_000)
    own = swept.sample(number) if number is not None else swept.recording(None)
    for pair, slot in enumerate(slots):
      out[pair, slot : slot + 10_000] += own[pair]
      out[:, slot : slot + 10_000] += 0.02 * own[pair]
      heard[slot : slot + 10_000] += swept.loopback()
    return Recording(f"s{number}", out, heard), Recording(f"s{number}", out)

  for which in (0, 1):
    kernels, report = _extracted(
      [in_time(i)[which] for i in range(SAMPLES)],
      [in_time(None)[which] for _ in range(EMPTY)],
    )
    assert _off(kernels / (1.02, 0.51)[which]) < 0.02
    assert not report.faults
    np.testing.assert_allclose(
      report.latency_ms, (np.array(slots) + 700) / 96, atol=1e-3
    )


def test_spacing_moves_tap_0_to_when_the_sound_leaves():
  given = (
    [swept.sample(i) for i in range(SAMPLES)],
    [swept.recording(None) for _ in range(EMPTY)],
  )
  plain, _ = _extracted(*given)
  # 10 samples of travel.
  moved, _ = _extracted(*given, spacing_m=10 / 96_000 * 343)
  assert _off(moved[..., 10:], plain[..., :-10]) < 1e-3


def test_more_empty_rooms_make_less_noise():
  rest = []
  for count in (1, 16):
    kernels, _ = _extracted(
      [swept.sample(0)],
      [swept.recording(None, noise=0.01, seed=i) for i in range(count)],
    )
    rest.append(_off(kernels / 0.5, TRUE[:1]))
  assert 3.0 < rest[0] / rest[1] < 4.6


def test_noise_and_kernels_are_measured():
  """White noise of known power and a kernel of known power: their ratio."""
  noise = 0.002
  _, report = _extracted(
    [swept.sample(i, noise=noise, seed=i) for i in range(20)],
    [swept.recording(None, noise=noise, seed=100 + i) for i in range(20)],
  )
  # Noise of a response: through the inverse of the sweep, in the band.
  rng = np.random.default_rng(0)
  plan = Plan(swept.SWEEP, swept.RATE_HZ, swept.TAPS, (19.0, 32_000.0))
  heard = deconvolution.impulse_responses(
    noise * rng.normal(size=(50, 10_000)),
    swept.SWEEP,
    swept.RATE_HZ,
    band_hz=plan.band_hz,
    taps=swept.TAPS,
    first_tap=700.0,
  )
  kept = slice(plan.direct_taps, None)
  noise_power = (np.abs(np.fft.rfft(heard[:, kept])) ** 2).mean(axis=0)
  kernels = 0.5 * np.array([swept.kernel(i, 0) for i in range(20)])
  power = (np.abs(np.fft.rfft(kernels[:, kept])) ** 2).mean(axis=0)
  # A kernel has the noise of its own recording and of the mean of twenty.
  expected = 10 * np.log10(power.sum() / noise_power.sum() / (1 + 1 / 20))
  assert report.snr_all_db[0] == pytest.approx(expected, abs=0.5)
  frequency_hz = np.fft.rfftfreq(swept.TAPS - plan.direct_taps, 1 / 96_000)
  octaves = list(measures.octaves_hz(plan.band_hz))
  band = (frequency_hz >= 4_000 / 2**0.5) & (frequency_hz < 4_000 * 2**0.5)
  expected = 10 * np.log10(
    power[band].sum() / noise_power[band].sum() / (1 + 1 / 20)
  )
  found = report.snr_db[0, octaves.index(4_000)]
  assert found == pytest.approx(expected, abs=0.7)


def test_one_empty_room_leaves_the_noise_unknown():
  _, report = _extracted([swept.sample(0)], [swept.recording(None)])
  assert np.isnan(report.snr_all_db).all()
  assert _names(report) == {
    ("one_empty", 1),
    ("one_empty", 2),
    ("one_empty", 3),
  }
  found = json.loads(json.dumps(report.to_dict(), allow_nan=False))
  assert found["snr_all_db"] == [None] * 3
  assert "kernel over noise unknown" in report.lines()[1]


def test_the_ratio_of_envelopes():
  given = ([swept.sample(0)], [swept.recording(None) for _ in range(EMPTY)])
  kernels, _ = _extracted(*given, kernel="env_ratio")
  plain, _ = _extracted(*given)
  plan = Plan(swept.SWEEP, swept.RATE_HZ, swept.TAPS, (19.0, 32_000.0))
  room = deconvolution.impulse_responses(
    swept.recording(None),
    swept.SWEEP,
    swept.RATE_HZ,
    band_hz=plan.band_hz,
    taps=swept.TAPS,
    first_tap=700.0,
  )
  squares = np.ones(20)
  pair, inner = 1, slice(200, -20)
  e0, e = (
    np.sqrt(np.convolve(each[pair] ** 2, squares, "same"))
    for each in (room, room + plain[0])
  )
  least = 0.01 * e0[plan.direct_taps :].max()
  expected = 2 * (e - e0) / np.maximum(least, e + e0)
  np.testing.assert_allclose(
    kernels[0, pair, inner], expected[inner], atol=0.02
  )
  assert np.abs(kernels).max() <= 2


def test_envelope_is_the_root_of_the_moving_sum_of_squares():
  rng = np.random.default_rng(0)
  response = rng.normal(size=(2, 300))
  expected = np.sqrt(
    signal.convolve(response**2, np.ones((1, 20)), mode="same")
  )
  np.testing.assert_allclose(envelope(response, 96_000), expected, atol=1e-6)


@pytest.mark.parametrize(
  ("change", "said"),
  [
    ({"kernel": "ratio"}, "kernel: is 'ratio'"),
    ({"spacing_m": 0.7}, "spacing_m: is 0.7 m"),
    ({"latency_samples": -1.0}, "latency: is -1.0"),
    ({"band_hz": (0.0, 60_000.0)}, "band_hz"),
  ],
)
def test_refuses_arguments(change, said):
  with pytest.raises(InputError, match=said):
    _extracted([swept.sample(0)], [swept.recording(None)], **change)


def test_refuses_what_is_not_there():
  some = [swept.recording(None)]
  with pytest.raises(InputError, match="empty room: are missing"):
    _extracted(some, [])
  with pytest.raises(InputError, match="of a person: are missing"):
    _extracted([], some)
  with pytest.raises(InputError, match="sample 1: shape"):
    _extracted([np.zeros(5)], some)
  with pytest.raises(InputError, match="taps: 100"):
    kernels_of(some, some, swept.SWEEP, swept.RATE_HZ, 100)
