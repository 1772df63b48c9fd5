"""Impulse responses against closed forms and a far longer transform."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import fft, signal

from bgm2pose_jax.audio import deconvolution, sweep
from bgm2pose_jax.base.errors import InputError

RATE_HZ = 96_000
PLAYED = sweep.Excitation()
TAPS = 1024
WRAP = 1e-5


def _response(rng, taps=TAPS):
  return rng.normal(size=taps) * np.exp(-np.arange(taps) / 150)


def _closed_form(response, played, *, size, eps=1e-3, band_hz=PLAYED.band_hz):
  """H |S|^2 / (|S|^2 + eps max|S|^2) within the band, by numpy."""
  power = np.abs(np.fft.rfft(played, size)) ** 2
  weights = deconvolution.band_weights(
    np.fft.rfftfreq(size, 1 / RATE_HZ), band_hz
  )
  gain = power / (power + eps * power.max()) * weights
  return np.fft.irfft(np.fft.rfft(response, size) * gain, size)


def test_recovers_a_known_response():
  rng = np.random.default_rng(0)
  response = _response(rng)
  played = PLAYED.samples()
  recording = signal.fftconvolve(played, response)
  found = deconvolution.impulse_responses(
    recording, played, RATE_HZ, band_hz=PLAYED.band_hz, taps=TAPS
  )
  assert found.dtype == np.float64
  expected = _closed_form(response, played, size=1 << 20)[:TAPS]
  np.testing.assert_allclose(found, expected, atol=1e-6)


def test_a_response_within_the_band_comes_back_itself():
  rng = np.random.default_rng(1)
  b, a = signal.butter(6, (1_000, 15_000), "band", fs=RATE_HZ)
  response = signal.lfilter(b, a, _response(rng))
  played = PLAYED.samples()
  recording = signal.fftconvolve(played, response)
  found = deconvolution.impulse_responses(
    recording, played, RATE_HZ, band_hz=PLAYED.band_hz, taps=TAPS
  )
  rest = np.linalg.norm(found - response) / np.linalg.norm(response)
  # The default eps of 1e-3 alone takes 0.1 %.
  assert rest < 0.002


@pytest.mark.parametrize(
  # The sound's length decides in the first, the lower edge's in the second.
  "played",
  [
    sweep.Excitation(low_hz=3_000.0),
    sweep.Excitation(duration_s=0.002, low_hz=100.0),
  ],
)
def test_nothing_wraps_into_the_kept_taps(played):
  """Noise before the sound comes out before tap 0 and stays out."""
  rng = np.random.default_rng(2)
  late = np.zeros(6_000)
  late[5_990] = 1.0
  recording = signal.fftconvolve(played.samples(), late)[:9_000]
  recording = np.pad(recording, (0, 9_000 - len(recording)))
  recording[:300] += 10 * rng.normal(size=300)
  found = deconvolution.impulse_responses(
    recording, played.samples(), RATE_HZ, band_hz=played.band_hz, taps=9_000
  )
  size = 1 << 19
  spectrum = np.fft.rfft(played.samples(), size)
  power = np.abs(spectrum) ** 2
  spectrum = np.fft.rfft(recording, size) * spectrum.conj()
  weights = deconvolution.band_weights(
    np.fft.rfftfreq(size, 1 / RATE_HZ), played.band_hz
  )
  expected = np.fft.irfft(
    spectrum / (power + 1e-3 * power.max()) * weights, size
  )
  np.testing.assert_allclose(
    found, expected[:9_000], atol=WRAP * np.abs(expected).max()
  )


def test_taps_long_before_the_recording_are_empty():
  ringing = int(np.ceil(6 / 19 * RATE_HZ))
  # As far before as the transform of an unshifted recording is long.
  size = fft.next_fast_len(2 * 9_600 + ringing, real=True)
  found = deconvolution.impulse_responses(
    PLAYED.samples(),
    PLAYED.samples(),
    RATE_HZ,
    band_hz=PLAYED.band_hz,
    taps=TAPS,
    first_tap=-float(size),
  )
  assert np.abs(found).max() < 1e-5


def test_regularisation_bounds_what_is_outside_the_sweep():
  rng = np.random.default_rng(3)
  narrow = sweep.Excitation(low_hz=2_000.0, high_hz=10_000.0)
  noise = rng.normal(size=20_000)
  found = deconvolution.impulse_responses(
    noise,
    narrow.samples(),
    RATE_HZ,
    band_hz=(19.0, 40_000.0),
    taps=20_000,
  )
  frequency_hz = np.fft.rfftfreq(20_000, 1 / RATE_HZ)
  level = np.abs(np.fft.rfft(found))
  inside = np.median(level[(frequency_hz > 3_000) & (frequency_hz < 9_000)])
  outside = np.median(level[(frequency_hz > 15_000) & (frequency_hz < 35_000)])
  assert outside < 0.1 * inside
  limited = deconvolution.impulse_responses(
    noise, narrow.samples(), RATE_HZ, band_hz=narrow.band_hz, taps=20_000
  )
  beyond = np.abs(np.fft.rfft(limited * np.hanning(20_000)))
  assert beyond[frequency_hz > 10_500].max() < 1e-3 * inside


def test_a_fraction_of_a_sample_is_taken_back():
  """A delay of 100.37 samples, as a phase in the spectrum."""
  played = PLAYED.samples()
  size = 1 << 15
  frequency = np.fft.rfftfreq(size)
  spectrum = np.fft.rfft(played, size)
  spectrum = spectrum * np.exp(-2j * np.pi * frequency * 100.37)
  recording = np.fft.irfft(spectrum, size)[:16_000]
  found = deconvolution.impulse_responses(
    recording,
    played,
    RATE_HZ,
    band_hz=PLAYED.band_hz,
    taps=TAPS,
    first_tap=100.37 - 64,
  )
  expected = deconvolution.impulse_responses(
    np.pad(played, (64, 6000)),
    played,
    RATE_HZ,
    band_hz=PLAYED.band_hz,
    taps=TAPS,
  )
  np.testing.assert_allclose(found, expected, atol=2e-4)


def test_shifts_and_sounds_may_differ_between_recordings():
  rng = np.random.default_rng(4)
  played = np.stack([PLAYED.samples(), PLAYED.samples()[::-1]])
  responses = np.stack([_response(rng), _response(rng)])
  recordings = signal.fftconvolve(played, responses, axes=-1)
  common = {"rate_hz": RATE_HZ, "band_hz": PLAYED.band_hz, "taps": TAPS}
  found = deconvolution.impulse_responses(
    recordings, played, first_tap=np.array([-40.0, 3.25]), **common
  )
  assert found.shape == (2, TAPS)
  for j, shift in enumerate((-40.0, 3.25)):
    alone = deconvolution.impulse_responses(
      recordings[j], played[j], first_tap=shift, **common
    )
    np.testing.assert_allclose(found[j], alone, atol=1e-6)
  unshifted = deconvolution.impulse_responses(recordings, played, **common)
  np.testing.assert_allclose(found[0, 40:], unshifted[0, :-40], atol=1e-6)


def test_a_loopback_cancels_latency_and_colour():
  """Both channels pass the same converters: only the room is left."""
  rng = np.random.default_rng(5)
  response = _response(rng)
  b, a = signal.butter(1, (60, 30_000), "band", fs=RATE_HZ)
  played = signal.lfilter(b, a, np.pad(PLAYED.samples(), (777, 4000)))
  recording = signal.fftconvolve(played, response)[: len(played)]
  found = deconvolution.impulse_responses(
    recording, played, RATE_HZ, band_hz=PLAYED.band_hz, taps=TAPS
  )
  expected = _closed_form(response, played, size=1 << 20)[:TAPS]
  np.testing.assert_allclose(found, expected, atol=1e-4)
  direct = deconvolution.impulse_responses(
    recording, PLAYED.samples(), RATE_HZ, band_hz=PLAYED.band_hz, taps=2000
  )
  assert np.linalg.norm(direct[:700]) < 0.05 * np.linalg.norm(direct)


def test_weights_are_smooth_and_zero_outside():
  frequency_hz = np.linspace(0, 48_000, 48_001)
  weights = deconvolution.band_weights(frequency_hz, (1_000.0, 11_000.0))
  assert not weights[:1001].any()
  assert not weights[11_000:].any()
  np.testing.assert_allclose(weights[2_000:10_001], 1)
  np.testing.assert_allclose(weights[[1_500, 10_500]], 0.5)
  assert np.abs(np.diff(weights)).max() < np.pi / 2 / 1_000 * 1.01


@pytest.mark.parametrize(
  ("change", "said"),
  [
    ({"recordings": np.zeros((2, 0))}, r"recording: shape \(2, 0\)"),
    ({"recordings": [np.nan]}, "recording: holds NaN"),
    ({"sweep": np.zeros(5)}, "sweep: is silent"),
    ({"band_hz": (10.0, 50_000.0)}, "50000.0 Hz at 96000 Hz"),
    ({"taps": 0}, "taps: is 0"),
    ({"eps": 0.0}, "eps: is 0.0"),
  ],
)
def test_refuses(change, said):
  given = {
    "recordings": np.ones(9),
    "sweep": np.ones(5),
    "rate_hz": RATE_HZ,
    "band_hz": (19.0, 32_000.0),
    "taps": 4,
  }
  with pytest.raises(InputError, match=said):
    deconvolution.impulse_responses(**(given | change))
