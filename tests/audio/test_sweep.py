"""Sweeps against SciPy's chirps and their analytic signal."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import signal

from bgm2pose_jax.audio import sweep
from bgm2pose_jax.base.errors import InputError


@pytest.mark.parametrize(
  ("kind", "method"), [("linear", "linear"), ("log", "logarithmic")]
)
def test_is_scipys_chirp(kind, method):
  made = sweep.Excitation(kind=kind, fade_s=0.0, peak=1.0)
  time_s = np.arange(9600) / 96_000
  expected = signal.chirp(time_s, 19.0, 0.1, 32_000.0, method=method, phi=-90)
  np.testing.assert_allclose(made.samples(), expected, atol=1e-9)


@pytest.mark.parametrize("kind", sweep.KINDS)
def test_frequency_is_that_of_the_analytic_signal(kind):
  made = sweep.Excitation(
    kind=kind, low_hz=500.0, high_hz=20_000.0, fade_s=0.01, duration_s=0.5
  )
  phase = np.unwrap(np.angle(signal.hilbert(made.samples())))
  found_hz = np.diff(phase) * 96_000 / (2 * np.pi)
  time_s = (np.arange(len(found_hz)) + 0.5) / 96_000
  middle = slice(4800, -4800)
  np.testing.assert_allclose(
    found_hz[middle], made.frequency_hz(time_s)[middle], rtol=0.01
  )


def test_the_defaults_are_the_papers():
  made = sweep.Excitation()
  assert (made.rate_hz, made.duration_s, made.band_hz) == (
    96_000,
    0.1,
    (19.0, 32_000.0),
  )
  assert made.samples().shape == (9600,)
  assert made.samples().dtype == np.float64
  edges = made.band_edges_hz()
  assert edges.shape == (33,)
  np.testing.assert_allclose(np.diff(edges), 31_981 / 32)


@pytest.mark.parametrize("kind", sweep.KINDS)
def test_bands_are_played_at_their_gains(kind):
  gains_db = tuple(-6.0 + 4 * np.sin(np.arange(32) / 3))
  common = {"kind": kind, "duration_s": 1.0, "low_hz": 200.0}
  flat = sweep.Excitation(**common).samples()
  made = sweep.Excitation(gains_db=gains_db, **common).samples()
  frequency_hz = np.fft.rfftfreq(len(flat), 1 / 96_000)
  gain_db = 20 * np.log10(
    np.abs(np.fft.rfft(made)) / np.maximum(np.abs(np.fft.rfft(flat)), 1e-9)
  )
  edges = sweep.Excitation(**common).band_edges_hz()
  centres = (
    np.sqrt(edges[:-1] * edges[1:])
    if kind == "log"
    else ((edges[:-1] + edges[1:]) / 2)
  )
  found = np.interp(centres, frequency_hz, gain_db)
  np.testing.assert_allclose(
    found[1:-1], (np.array(gains_db) - max(gains_db))[1:-1], atol=0.35
  )


def test_gains_are_smooth_and_never_exceed_the_peak():
  rng = np.random.default_rng(0)
  gains_db = tuple(rng.uniform(-20, 20, 32))
  made = sweep.Excitation(gains_db=gains_db, peak=0.5)
  assert 0.49 < np.abs(made.samples()).max() <= 0.5
  flat = sweep.Excitation(peak=1.0).samples()
  sure = np.abs(flat) > 0.5
  gain_db = 20 * np.log10(np.abs(made.samples()[sure] / flat[sure]))
  # A band lasts 300 samples: 40 dB at most over it, without a step.
  assert np.abs(np.diff(gain_db)).max() < 2.0


def test_ends_fade():
  made = sweep.Excitation(fade_s=0.001)
  plain = sweep.Excitation(fade_s=0.0).samples()
  faded = made.samples()
  np.testing.assert_allclose(faded[96:-96], plain[96:-96])
  assert np.abs(faded[-3:]).max() < 0.01 < np.abs(plain[-3:]).max()


@pytest.mark.parametrize(
  ("wrong", "said"),
  [
    ({"kind": "square"}, "kind: is 'square'"),
    ({"high_hz": 60_000.0}, "60000.0 Hz at 96000 Hz"),
    ({"low_hz": 0.0}, "from 0.0 to"),
    ({"duration_s": 0.0}, "duration_s: is 0.0"),
    ({"fade_s": 0.06}, "fade_s: is 0.06"),
    ({"peak": 1.5}, "peak: is 1.5"),
    ({"gains_db": (0.0,) * 31}, "gains_db: 31 values"),
    ({"gains_db": (0.0,) * 31 + (np.nan,)}, "finite gains"),
  ],
)
def test_refuses(wrong, said):
  with pytest.raises(InputError, match=said):
    sweep.Excitation(**wrong)
