"""What the music kernel says of scenes whose answer is known."""

from __future__ import annotations

import dataclasses

import jax
import numpy as np
import pytest
import scipy.signal

from bgm2pose_jax.audio import mel
from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.simulate import fast_convolution, recorder, room
from bgm2pose_jax.simulate import music as music_lib
from bgm2pose_jax.simulate.body_response import body_response
from bgm2pose_jax.simulate.response_plan import Spheres
from bgm2pose_jax.simulate.scene import Scene
from bgm2pose_jax.systems.bgm2pose import features
from bgm2pose_jax.systems.bgm2pose.ampl.recordings import Block
from bgm2pose_jax.systems.bgm2pose.features import music_kernel, static_response
from bgm2pose_jax.systems.bgm2pose.features.static_response import StillRoom
from bgm2pose_jax.systems.bgm2pose.still_room import still_room
from bgm2pose_jax.systems.bgm2pose.still_room.static_form import StaticForm
from bgm2pose_jax.systems.bgm2pose.window import WINDOW_SAMPLES

_HOP = 2400
_SPEC = features.get_feature_set("music_kernel").spec
_CHANGE = _SPEC.indices("response")
_SAMPLES = 20 * _HOP


def _sound(seed: int, samples: int = _SAMPLES) -> np.ndarray:
  rng = np.random.default_rng(seed)
  return rng.standard_normal((2, samples)).astype(np.float32) / 10


def _still(sound: np.ndarray) -> StillRoom:
  """The room's sound, its usual power that of white noise as loud as W."""
  return StillRoom(sound, np.full(5, np.mean(sound[0] ** 2), np.float32))


def test_against_numpy_in_float64():
  rng = np.random.default_rng(0)
  recording, static = rng.standard_normal((2, 4, 6 * _HOP)) / 10
  music = _sound(1, 6 * _HOP)
  got = np.asarray(
    music_kernel.extract(
      recording.astype(np.float32), music, _still(static.astype(np.float32))
    )
  )
  assert got.shape == (2, 64, 22)
  window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(9600) / 9600)
  matrix = mel.mel_matrix(48_000, 9600, 64)
  for frame in range(2):
    centre = (2 + frame) * _HOP + _HOP // 2
    cut = slice(centre - 4800, centre + 4800)
    y, p, m = (
      np.fft.rfft(x[:, cut] * window) for x in (recording, static, music)
    )
    usual = np.mean(static[0] ** 2) * np.sum(window**2) * matrix.sum(1)
    floor = 0.1 * usual
    known = (np.abs(p[:1]) ** 2) @ matrix.T + floor
    change = ((y - p) * p[0].conj()) @ matrix.T / known
    loud, still = (np.abs(x) ** 2 @ matrix.T + floor for x in (y, p))
    ratio = 10 * np.log10(loud / still)
    left = np.abs(y - p) ** 2 @ matrix.T
    level = 10 * np.log10((left + floor / 1000) / known)
    flow = ((y - p)[1:] * (y - p)[0].conj()).real @ matrix.T
    want = [
      np.clip(change.real, -2, 2),
      np.clip(change.imag, -2, 2),
      np.minimum(level, 20),
      flow / (left.sum(0) + floor / 100),
      np.clip(ratio, -20, 20),
      10 * np.log10(known / usual),
      10 * np.log10(np.abs(m) ** 2 @ matrix.T),
    ]
    np.testing.assert_allclose(
      got[frame], np.concatenate(want).T, rtol=1e-4, atol=1e-4
    )


@pytest.mark.parametrize("silent", ["all", "music", "recording", "static"])
def test_silence_is_finite_and_says_nothing(silent):
  recording = np.zeros((4, 8 * _HOP), np.float32)
  music, static = _sound(1, 8 * _HOP), recording.copy()
  if silent != "all" and silent != "recording":
    recording[:] = _sound(2, 8 * _HOP).repeat(2, axis=0)
  if silent in ("all", "music"):
    music[:] = 0
  if silent == "recording":
    static[:] = _sound(3, 8 * _HOP).repeat(2, axis=0)
  got = np.asarray(music_kernel.extract(recording, music, _still(static)))
  assert np.isfinite(got).all()
  if silent in ("all", "static"):
    told = [n for role in ("direction", "ratio") for n in _SPEC.indices(role)]
    assert not got[..., [*_CHANGE, *told]].any()


def test_a_sound_without_context_is_refused():
  sounds = [np.zeros((n, 4 * _HOP), np.float32) for n in (4, 2, 4)]
  with pytest.raises(InputError, match="12000 or more"):
    music_kernel.extract(*sounds[:2], _still(sounds[2]))
  with pytest.raises(InputError, match="still"):
    features.extract_batch(*sounds[:2], feature_set="music_kernel")


def test_both_hold_the_two_sets_on_the_same_frames():
  recording = _sound(4).repeat(2, axis=0)
  music, static = _sound(5), _sound(6).repeat(2, axis=0)
  both = features.extract_long(
    recording, music, _still(static), feature_set="both"
  )
  first = features.extract_long(recording, music)
  spec = features.get_feature_set("both").spec
  assert both.shape == (20, 128, 29) == (20, spec.bands, len(spec.channels))
  np.testing.assert_allclose(both[..., :9], first, atol=1e-4)
  wide = jax.jit(lambda *x: music_kernel.extract(*x, bands=128))
  padded = [
    np.pad(x, ((0, 0), (4800, 4800))) for x in (recording, music, static)
  ]
  still = _still(static)._replace(sound=padded[2])
  want = wide(*padded[:2], still)[..., :20]
  np.testing.assert_allclose(both[..., 9:], want, atol=1e-4)


def test_blocks_with_context_give_the_same_as_the_whole():
  windows = 9
  samples = windows * WINDOW_SAMPLES
  audio, static = (
    _sound(7, samples).repeat(2, 0),
    _sound(8, samples).repeat(2, 0),
  )
  still = _still(static)
  music = _sound(9, samples)
  cuts = [
    slice(a * WINDOW_SAMPLES, b * WINDOW_SAMPLES)
    for a, b in ((0, 4), (4, 8), (8, 9))
  ]
  blocks = [
    Block(
      0,
      (c.stop - c.start) // WINDOW_SAMPLES,
      audio[:, c],
      music[:, c],
      still._replace(sound=still.sound[:, c]),
    )
    for c in cuts
  ]
  around = still_room.with_context(blocks, 2 * _HOP)
  got = np.concatenate(
    list(
      features.extract_stream(
        ((b.audio, b.music, b.still) for b in around),
        block_frames=48,
        feature_set="music_kernel",
      )
    )
  )
  want = features.extract_long(audio, music, still, feature_set="music_kernel")
  np.testing.assert_allclose(got, want, atol=1e-4)


def _still_person(track: str, minutes_s: float):
  """A person who stands still: recording of noise 40 dB down, and music."""
  scene = dataclasses.replace(Scene(), snr_db=40.0)
  sound = music_lib.compose(track, minutes_s)
  # A row of spheres for a standing person, to one side of the line.
  heights = np.linspace(0.2, 1.7, 8)
  centres = np.stack([np.full(8, 0.25), heights, np.zeros(8)], axis=1)
  spheres = Spheres(
    np.broadcast_to(centres, (4, 8, 3)), np.zeros(8, int), (0.12,)
  )
  recording = recorder.static_recording(scene, sound)
  recording += body_response(scene, sound, spheres, 120.0)
  level = float(np.sqrt(np.mean(recording[0] ** 2))) * 10 ** (-40 / 20)
  noise = recorder.background_noise(scene, sound.shape[1], level, 3)
  return recording + noise, sound, level


@pytest.mark.slow
@pytest.mark.parametrize("track", ["tide", "swing"])
def test_a_person_who_stands_still_changes_nothing(track):
  windows = 16
  recording, sound, level = _still_person(track, windows * 0.6)
  block = Block(0, windows, recording, sound)
  (found,) = still_room.with_still(lambda: [block], StaticForm("whole"))
  got = features.extract_long(
    recording, sound, found.still, feature_set="music_kernel"
  )
  # Only where the music is now, and 30 dB over the noise: there the change is
  # noise alone, far below the tenths that a moving person brings.
  matrix = mel.mel_matrix(48_000, 9600, 64)
  noise = level**2 * matrix.sum(1) * 0.375 * 9600
  usual = matrix @ np.interp(
    np.arange(4801), np.linspace(0, 4800, len(found.still.density)),
    found.still.density,
  )  # fmt: skip
  sure = got[..., _SPEC.indices("confidence")[0]]
  heard = (sure > -3) & (usual * 0.375 * 9600 > 1000 * noise)
  assert heard.mean() > 0.1
  change = np.abs(got[..., list(_CHANGE)])[heard]
  assert np.sqrt(np.mean(change**2)) < 0.03


def _changes(sound: np.ndarray, centre: tuple[float, float, float]):
  """Features [f, c] for one sphere, the empty room's response given."""
  scene = Scene(
    max_order=0, noise="none", speakers_m=((0.0, 1.1, -1.5),), body_hop_s=5e-3
  )
  spheres = Spheres(np.array([[centre]] * 4), np.zeros(1, int), (0.1,))
  response = room.static_response(scene)  # [speaker, channel, tap]
  static = fast_convolution.convolve(sound[:1], response)
  recording = static + body_response(scene, sound[:1], spheres, 120.0)
  two = np.concatenate([sound[:1], 0 * sound[:1]])
  got = features.extract_long(
    recording, two, _still(static), feature_set="music_kernel"
  )
  return got[4:-4].mean(axis=0), scene


def _rho(features: np.ndarray) -> np.ndarray:
  """Complex rho of W [f]."""
  return features[:, _CHANGE[0]] + 1j * features[:, _CHANGE[4]]


@pytest.mark.slow
def test_a_moved_scatterer_turns_the_phase_as_the_geometry_says():
  near, far = (0.3, 1.1, 0.2), (0.33, 1.15, 0.25)
  edges_hz = mel.mel_to_hz(np.linspace(0, mel.hz_to_mel(24_000), 66))
  centre_hz = edges_hz[1:-1]
  used = (centre_hz > 400) & (centre_hz < 2500)
  turned = []
  for seed in (0, 1):
    # Two pieces of different colour, both with sound in every band.
    sound = _sound(seed, 48_000)
    if seed:
      sound = np.cumsum(sound, axis=1) * 0.02
      sound -= np.convolve(sound[0], np.ones(480) / 480, "same")
    before, scene = _changes(sound, near)
    after, _ = _changes(sound, far)
    turned.append(np.angle(_rho(after) / _rho(before))[used])
  path = [
    np.linalg.norm(np.subtract(scene.speakers_m[0], place))
    + np.linalg.norm(np.subtract(scene.mic_m, place))
    for place in (near, far)
  ]
  longer_s = (path[1] - path[0]) / scene.speed_of_sound_m_s
  want = np.angle(np.exp(-2j * np.pi * centre_hz[used] * longer_s))
  for got in turned:
    off = np.angle(np.exp(1j * (got - want)))
    assert np.abs(off).max() < 0.2
  between = np.angle(np.exp(1j * (turned[0] - turned[1])))
  assert np.abs(between).max() < 0.05


@pytest.mark.slow
@pytest.mark.parametrize("centre", [(0.3, 1.1, 0.2), (-0.4, 1.6, 1.0)])
def test_a_change_comes_from_where_the_scatterer_is(centre):
  edges_hz = mel.mel_to_hz(np.linspace(0, mel.hz_to_mel(24_000), 66))
  used = (edges_hz[1:-1] > 600) & (edges_hz[1:-1] < 6000)
  flows, levels = [], []
  for seed in (0, 1):
    sound = _sound(seed, 48_000) * (1 - 0.9 * seed)
    got, scene = _changes(sound, centre)
    flows.append(got[used][:, _SPEC.indices("direction")])
    levels.append(got[used][:, [_SPEC.names.index("eW")]])
  away = np.subtract(centre, scene.mic_m)
  want = away / np.linalg.norm(away)
  for flow, level in zip(flows, levels):
    length = np.linalg.norm(flow, axis=1)
    off = np.degrees(np.arccos(np.minimum(flow @ want / length, 1)))
    assert off.max() < 3
    # Half a plane wave's, less where the change is hardly above the floor.
    power = 2 * (1.1 * 10 ** (level[:, 0] / 10) - 1e-4)
    np.testing.assert_allclose(length, 0.5 * power / (power + 1e-3), atol=0.04)
  # As loud beside music that is 20 dB down; below -40 dB there is a floor.
  np.testing.assert_allclose(*levels, atol=1.0)
  assert -38 < levels[0].mean() < -5


def test_forms_of_the_static_response_hear_only_what_they_may():
  windows = 24
  samples = windows * WINDOW_SAMPLES
  taps = 400
  rng = np.random.default_rng(11)
  music = _sound(10, samples)
  response = rng.standard_normal((4, 2, taps)) * 0.98 ** np.arange(taps)
  padded = np.pad(music, ((0, 0), (taps, 0)))
  audio = np.asarray(
    static_response.static_sound(padded, response.astype(np.float32))
  )
  blocks = [
    Block(
      first,
      8,
      audio[:, first * WINDOW_SAMPLES : (first + 8) * WINDOW_SAMPLES],
      music[:, first * WINDOW_SAMPLES : (first + 8) * WINDOW_SAMPLES],
    )
    for first in range(0, windows, 8)
  ]
  changed = [
    *blocks[:2],
    dataclasses.replace(blocks[2], audio=-blocks[2].audio),
  ]

  def static(form: str, given):
    found = still_room.with_still(lambda: given, StaticForm.parse(form))
    return np.concatenate([block.still.sound for block in found], axis=1)

  end = 2 * 8 * WINDOW_SAMPLES
  for form in ("causal", "first:9", "around:5", "whole"):
    got = static(form, blocks)
    left = (got - audio)[:, end // 2 : end]
    assert np.mean(left**2) < 0.01 * np.mean(audio**2), form
    same = np.array_equal(static(form, changed)[:, :end], got[:, :end])
    assert same == (form != "whole"), form
  # The first update comes after 2.4 s; before it nothing is known.
  assert not static("causal", blocks)[:, : 4 * WINDOW_SAMPLES].any()


def test_bands_that_hold_no_music_say_nothing_even_at_an_abrupt_end():
  # Bass, and 120 dB below it what compression leaves of the treble.
  rng = np.random.default_rng(20)
  bass = scipy.signal.firwin(2001, 2000, fs=48_000, window=("kaiser", 14))
  music = scipy.signal.fftconvolve(
    rng.standard_normal((2, 48_000)), bass[None], mode="same", axes=1
  )
  music += 1e-6 * rng.standard_normal(music.shape)
  music[:, 40_000:] = 0
  still = np.repeat(music, 2, axis=0)
  heard = 1.5 * still + 1e-6 * rng.standard_normal(still.shape)
  density = np.zeros(1001)
  density[:84] = np.var(music[0, :40_000]) / 0.083
  density += 1e-12
  room = static_response.StillRoom(
    still.astype(np.float32), density.astype(np.float32)
  )
  found = np.asarray(
    music_kernel.extract(
      heard.astype(np.float32), music.astype(np.float32), room
    )
  )
  names = [channel.name for channel in music_kernel.SPEC.channels]
  said = found[..., : names.index("sure")]
  assert np.abs(said[:, :20]).max() > 0.1
  # The band from 8 kHz on.
  assert not said[:, 52:].any()
