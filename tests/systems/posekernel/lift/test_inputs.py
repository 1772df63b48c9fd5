"""Kernels of any rate and length, which frame is whose, spheres of echoes."""

import numpy as np
import pytest
from scipy import signal

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.files import array_file
from bgm2pose_jax.systems.posekernel.lift import (
  kernels_file,
  matching,
  shells,
)


def _write(path, kernels, rate_hz=96_000, **more):
  array_file.write(
    path, {"kernels": kernels, "rate_hz": np.float64(rate_hz), **more}
  )
  return path


def _pulses(radii_m, heights, rate_hz=96_000, taps=3072):
  """Echoes of 3 kHz bursts around each radius, by the closed form."""
  time_s = np.arange(taps) / rate_hz
  out = np.zeros(taps)
  for radius_m, height in zip(radii_m, heights):
    t = time_s - 2 * radius_m / 343
    out += height * np.exp(-((t / 2e-4) ** 2)) * np.cos(2 * np.pi * 3000 * t)
  return out / rate_hz


def _two(**more):
  return np.array(
    [[_pulses([2.0], [1.0], **more)] * 4, [_pulses([3.0], [0.5], **more)] * 4],
    np.float32,
  )


def test_kernels_of_the_networks_form_stay(tmp_path):
  found = kernels_file.read(
    _write(tmp_path / "k.npz", _two(), names=np.array(["b", "a"]))
  )
  np.testing.assert_array_equal(found.kernels, _two())
  assert (found.names, found.named) == (("b", "a"), True)
  assert (found.notes, found.warnings) == ((), ())


@pytest.mark.parametrize("rate_hz", [44_100, 48_000, 192_000])
def test_another_rate_is_the_same_response(tmp_path, rate_hz):
  """A tap holds the response times its step: half the rate, twice the tap."""
  taps = round(3072 * rate_hz / 96_000)
  found = kernels_file.read(
    _write(tmp_path / "k.npz", _two(rate_hz=rate_hz, taps=taps), rate_hz)
  )
  wanted = _two()
  np.testing.assert_allclose(
    found.kernels, wanted, atol=5e-3 * np.abs(wanted).max()
  )
  assert found.named is False
  assert f"{rate_hz} samples a second" in found.notes[0]
  low = [text for text in found.warnings if "hold nothing" in text]
  assert len(low) == (rate_hz < 96_000)


@pytest.mark.parametrize("taps", [2500, 5000])
def test_other_lengths_are_cut_or_filled_up(tmp_path, taps):
  found = kernels_file.read(_write(tmp_path / "k.npz", _two(taps=taps)))
  np.testing.assert_array_equal(found.kernels, _two())
  done = "cut to" if taps > 3072 else "zeros"
  assert str(taps) in found.notes[0]
  assert done in found.notes[0]
  assert found.warnings == ()


def test_late_direct_and_silent_sound_is_warned_of(tmp_path):
  late = np.array([[_pulses([2.0, 7.0], [1, 1], taps=5000)] * 4], np.float32)
  found = kernels_file.read(_write(tmp_path / "k.npz", late))
  assert "50 % of the kernels' energy comes later" in found.warnings[0]
  direct = np.array([[_pulses([0.05, 2.0], [3, 1])] * 4], np.float32)
  found = kernels_file.read(_write(tmp_path / "k.npz", direct))
  assert "direct sound is not subtracted" in found.warnings[0]
  some = _two()
  some[1, 2:] = 0
  found = kernels_file.read(_write(tmp_path / "k.npz", some))
  assert "2 of 8 kernels are silent; 0 samples" in found.warnings[0]


@pytest.mark.parametrize(
  ("kernels", "more", "said"),
  [
    (np.zeros((2, 4, 3072), np.float32), {}, "silence"),
    (np.zeros((0, 4, 3072), np.float32), {}, r"\(0, 4, 3072\)"),
    (np.ones((2, 3072), np.float32), {}, r"\(2, 3072\)"),
    (np.ones((2, 4, 9), np.int16), {}, "int16"),
    (np.full((2, 4, 9), np.nan, np.float32), {}, "sample 0 has values"),
    (_two(), {"rate_hz": 16_000}, "rate_hz is 16000.0.*96000"),
    (_two(), {"rate_hz": 96_000.5}, "rate_hz is"),
    (_two(), {"rate_hz": 95_999}, "rate_hz is"),
    (_two(), {"rate_hz": np.nan}, "rate_hz is"),
    (_two(), {"names": np.array(["a"])}, "1 names of 2"),
    (_two(), {"names": np.array(["a", "a"])}, "two samples 'a'"),
    (_two(), {"names": np.array(["a,b", "c"])}, "commas"),
    (_two(), {"names": np.array(["a\n", "c"])}, "commas"),
  ],
)
def test_kernels_that_cannot_be(tmp_path, kernels, more, said):
  path = _write(tmp_path / "k.npz", kernels, **more)
  with pytest.raises(InputError, match=f"k.npz.*{said}"):
    kernels_file.read(path)


def test_frames_are_matched_by_name_or_order():
  def match(wanted, found, named=True):
    return matching.match(wanted, found, named=named, what="X", where="x.json")

  order, said = match(["a", "b", "c"], ["c", "a", "b"])
  assert order.tolist() == [1, 2, 0]
  assert "by their names" in said
  for named, found in ((True, ["0", "1"]), (False, ["b", "a"])):
    order, said = match(["a", "b"], found, named)
    assert order.tolist() == [0, 1]
    assert "by their order" in said
  with pytest.raises(InputError, match="no frame 'b', one of 1"):
    match(["a", "b"], ["a", "x"])
  with pytest.raises(InputError, match=r"x.json: holds 3 frames for 2 kernels"):
    match(["a", "b"], ["a", "b", "c"])


def test_spheres_lie_where_the_echoes_come_from():
  found = shells.strongest(_pulses([1.0, 1.5, 2.25, 3.0], [0.5, 0.2, 1, 0.7]))
  # The phase of a burst within the 0.21 ms of the envelope moves its peak.
  radii = [shell.radius_m for shell in found]
  np.testing.assert_allclose(radii, [1.0, 2.25, 3.0], atol=0.015)
  np.testing.assert_allclose(
    [shell.share for shell in found], [0.5, 1.0, 0.7], atol=0.02
  )
  assert shells.strongest(np.zeros(3072)) == []
  # What is nearer than 30 cm is the direct sound.
  (only,) = shells.strongest(_pulses([0.1, 2.0], [5, 1]))
  assert only.radius_m == pytest.approx(2.0, abs=0.01)


def test_envelope_is_the_moving_root_of_squares():
  kernel = np.random.default_rng(0).normal(size=400)
  wanted = np.sqrt(signal.convolve(kernel**2, np.ones(20), "full"))[9:-10]
  np.testing.assert_allclose(shells.envelope(kernel), wanted, atol=1e-7)
