"""A session: parts, loudspeaker, noise."""

from __future__ import annotations

import numpy as np
import pytest
from one_sphere import TEMPERATURE_C, facing

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.simulate.pulse_echo.body_echo import ECHO_TAPS
from bgm2pose_jax.simulate.pulse_echo.fourier import good_size
from bgm2pose_jax.simulate.pulse_echo.loudspeaker import loudspeaker_spectrum
from bgm2pose_jax.simulate.pulse_echo.session import Session
from bgm2pose_jax.simulate.pulse_echo.shoebox import (
  OCTAVES_HZ,
  Shoebox,
  responses,
)

RATE_HZ = 96_000
SILENT = np.random.default_rng(0)


@pytest.fixture(scope="module")
def session():
  return Session(
    room=Shoebox((6.0, 3.0, 7.0), np.full((6, len(OCTAVES_HZ)), 0.3)),
    pairs=facing([[1.0, 0.8, 1.5], [5.0, 1.2, 2.0]], [3.0, 1.0, 3.5]),
    excitation=np.sin(np.arange(4800) ** 2 * 1e-4),
    rate_hz=RATE_HZ,
    temperature_c=TEMPERATURE_C,
  )


def test_a_recording_is_a_convolution_in_time(session):
  sound = session.recording(session.room_part(0.0), 0.0, SILENT)
  assert sound.shape == (2, session.samples)
  response = responses(
    session.room, session.pairs, TEMPERATURE_C, 12_000, RATE_HZ
  )
  size = 1 << 16
  speaker = np.fft.irfft(
    session.played
    / np.fft.rfft(session.excitation, session.samples)
    / session.gain,
    session.samples,
  )
  expected = np.fft.irfft(
    np.fft.rfft(session.excitation, size)
    * np.fft.rfft(speaker, size)
    * np.fft.rfft(response, size),
    size,
  )[:, : session.samples]
  # What wraps around is the loudspeaker after the room was cut off.
  error = np.abs(sound - session.gain * expected)
  assert error.max() < 1e-4 * np.abs(sound).max()


def test_what_a_person_adds_is_heard_as_it_is(session):
  echoes = np.zeros((2, ECHO_TAPS))
  echoes[0, 1200] = 0.25
  part = session.body_part(np.fft.rfft(echoes))
  sound = session.recording(part, 0.0, SILENT)
  own = np.fft.irfft(session.played, session.samples)
  np.testing.assert_allclose(sound[0], 0.25 * np.roll(own, 1200), atol=1e-8)
  assert not sound[1].any()


def test_in_between_temperatures_are_mixed_closely(session):
  mixed = session.room_part(0.01)
  warm = responses(
    session.room, session.pairs, TEMPERATURE_C + 0.01, 12_000, RATE_HZ
  )
  exact = np.fft.rfft(warm, session.samples) * session.played
  early = [np.fft.irfft(one)[:, :9600] for one in (mixed, exact)]
  error = np.linalg.norm(early[0] - early[1]) / np.linalg.norm(early[1])
  change = np.fft.irfft(session.room_part(0.0))[:, :9600] - early[1]
  assert error < 0.1 * np.linalg.norm(change) / np.linalg.norm(early[1])


@pytest.mark.parametrize("noise", [-1.0, np.nan, np.inf])
def test_noise_that_is_none_is_refused(session, noise):
  with pytest.raises(InputError, match="noise"):
    session.recording(session.room_part(0.0), noise, np.random.default_rng(0))


def test_a_loudspeaker_begins_at_once_and_passes_its_band():
  size = 1 << 15
  spectrum = loudspeaker_spectrum(size, RATE_HZ, np.random.default_rng(2))
  freqs = np.fft.rfftfreq(size, 1 / RATE_HZ)
  response = np.fft.irfft(spectrum)
  # Nothing before tap 0, which a circular response has at its end.
  assert np.abs(response).argmax() < 4
  assert np.abs(response[size // 2 :]).max() < 1e-3 * np.abs(response).max()
  level_db = 20 * np.log10(np.abs(spectrum[1:]))
  band = (freqs[1:] > 300) & (freqs[1:] < 25_000)
  assert np.abs(level_db[band]).max() < 6
  assert 0.5 < level_db[band].std() < 3
  assert level_db[freqs[1:] < 50].max() < -12
  other = loudspeaker_spectrum(size, RATE_HZ, np.random.default_rng(3))
  assert np.abs(other - spectrum).max() > 0.05


@pytest.mark.parametrize("least", [1, 1001, 24_000, 12_345])
def test_good_sizes_are_even_and_little_larger(least):
  size = good_size(least)
  assert size % 2 == 0
  assert least <= size <= 1.1 * least + 2
