"""The late field of a body: its energy, what it holds still, and who checks.

`launch/studies/late_field.py` holds it against image sources of the body.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from scipy import integrate

from bgm2pose_jax.simulate import diffuse_tail, late_field, sphere_series
from bgm2pose_jax.simulate.response_plan import Spheres
from bgm2pose_jax.simulate.scene import OCTAVES_HZ, Scene, Tail

RATE = 16_000
SCENE = Scene(
  sample_rate_hz=RATE, tail=Tail(t60_s=0.3, level_db=6.0), noise="none"
)


def _one_sphere(
  place=(0.0, 1.0, 0.2), radius_m: float = 0.12, frames: int = 2
) -> Spheres:
  centre = np.tile(np.array(place, np.float32), (frames, 1, 1))
  return Spheres(centre, np.zeros(1, np.int32), (radius_m,))


def _impulse(seconds: float, at: int = 0) -> np.ndarray:
  music = np.zeros((2, round(seconds * RATE)), np.float32)
  music[:, at] = 1
  return music


def test_cross_section_of_a_sphere_is_the_series() -> None:
  found = late_field.cross_section_m2(_one_sphere(), SCENE)
  for octave_hz, got in zip(OCTAVES_HZ, found):
    k = 2 * math.pi * octave_hz / 343

    def density(cosine, k=k):
      waves = sphere_series.partial_waves(np.array([k * 0.12]))
      p = sphere_series.legendre(np.array([cosine]), len(waves))
      return float(np.abs(1j / k * np.sum(waves * p)) ** 2)

    want = 2 * math.pi * integrate.quad(density, -1, 1, limit=400)[0]
    assert got == pytest.approx(want, rel=0.04), octave_hz


def test_energy_is_what_the_derivation_says() -> None:
  # |A|^2 (R / d1^2 + L / d2^2 + L R) for each loudspeaker, over many rooms.
  spheres = _one_sphere()
  section = late_field.cross_section_m2(spheres, SCENE)
  found = []
  for seed in range(24):
    tail = dataclasses.replace(SCENE.tail, seed=seed)
    scene = dataclasses.replace(SCENE, tail=tail)
    heard = late_field.late_field(scene, _impulse(0.8), spheres, 120.0)[0]
    spectrum = np.abs(np.fft.rfft(heard)) ** 2
    freqs = np.fft.rfftfreq(len(heard), 1 / RATE)
    found.append(
      [spectrum[(freqs > f / 1.1) & (freqs < f * 1.1)].mean()
       for f in OCTAVES_HZ[3:6]]
    )  # fmt: skip
  centre = spheres.centres_m[0, 0]
  d1 = np.linalg.norm(np.array(SCENE.speakers_m) - centre, axis=-1)
  d2 = np.linalg.norm(np.array(SCENE.mic_m) - centre)
  passed_s = diffuse_tail.direct_delay_s(SCENE).mean() / 2 + 0.01
  own = diffuse_tail.room_energy(SCENE)[0] * math.exp(
    -math.log(1e6) / 0.3 * passed_s
  )
  lit = diffuse_tail.energy(SCENE)[0]
  each = np.sum(own / d1**2 + lit / d2**2 + lit * own)
  want = section[3:6] / (4 * math.pi) * each
  np.testing.assert_allclose(
    10 * np.log10(np.mean(found, 0)), 10 * np.log10(want), atol=1.5
  )


def test_a_still_body_leaves_the_room_as_it_is() -> None:
  spheres = _one_sphere()
  music = np.random.default_rng(0).normal(size=(2, RATE)).astype(np.float32)
  later = np.roll(music, 1600, axis=1)
  later[:, :1600] = 0
  one = late_field.late_field(SCENE, music, spheres, 120.0)
  two = late_field.late_field(SCENE, later, spheres, 120.0)
  # The octaves' filters ring around where the music begins and ends.
  middle = slice(3200, 14_000)
  np.testing.assert_allclose(
    two[:, 1600:][:, middle], one[:, middle], atol=0.01 * np.std(one)
  )


def test_a_body_that_moved_far_makes_another_field() -> None:
  music = np.random.default_rng(0).normal(size=(2, RATE)).astype(np.float32)
  here = late_field.late_field(SCENE, music, _one_sphere(), 120.0)[0]
  near = _one_sphere(place=(0.001, 1.0, 0.2))
  far = _one_sphere(place=(0.8, 1.2, 0.2))
  alike = np.corrcoef(
    [here, *(late_field.late_field(SCENE, music, s, 120.0)[0]
             for s in (near, far))]
  )[0]  # fmt: skip
  assert alike[1] > 0.95
  assert abs(alike[2]) < 0.4


def test_what_is_not_stirred_is_silent() -> None:
  tail = dataclasses.replace(SCENE.tail, stirred=0.0)
  for scene in (
    dataclasses.replace(SCENE, tail=tail),
    dataclasses.replace(SCENE, tail=None),
  ):
    heard = late_field.late_field(scene, _impulse(0.1), _one_sphere(), 120.0)
    assert not heard.any()
    assert not late_field.loss_per_s(_one_sphere(), scene).any()


def test_long_recordings_join_without_a_seam(monkeypatch) -> None:
  music = np.random.default_rng(0).normal(size=(2, RATE)).astype(np.float32)
  t = np.arange(120) / 120
  centres = np.stack([0.2 * np.sin(9 * t), 1 + 0 * t, 0.1 * t], -1)[:, None]
  moving = Spheres(centres.astype(np.float32), np.zeros(1, np.int32), (0.1,))
  whole = late_field.late_field(SCENE, music, moving, 120.0)
  monkeypatch.setattr(late_field, "_CHUNK_HOPS", 100)
  parts = late_field.late_field(SCENE, music, moving, 120.0)
  np.testing.assert_allclose(parts, whole, atol=0.01 * np.std(whole))
