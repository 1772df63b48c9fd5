"""Channels in another order or format are told; unusual places are not."""

from __future__ import annotations

import dataclasses
import functools

import numpy as np
import plane_waves
import pytest
import room_case

from bgm2pose_jax.simulate import music as composed
from bgm2pose_jax.simulate import recorder
from bgm2pose_jax.simulate.scene import Scene, Tail
from bgm2pose_jax.systems.bgm2pose.align import heard_channels, sound_field
from bgm2pose_jax.systems.bgm2pose.align.spectra import Clocks

AMBIX = [0, 2, 3, 1]


@functools.cache
def _music() -> np.ndarray:
  return plane_waves.music()


@functools.cache
def _recording() -> np.ndarray:
  return plane_waves.record(_music())


def _heard(recording, music=None, **more):
  found = heard_channels.of_sound(
    recording, _music() if music is None else music, Clocks(0.0, 0.0), **more
  )
  assert found is not None
  return found


@pytest.mark.parametrize(
  ("made", "fits", "words"),
  [
    (lambda r: r[AMBIX], "W Y Z X", "--channel_order=wyzx"),
    (lambda r: plane_waves.gained(r, "fuma")[AMBIX], "W Y Z X", "wyzx"),
    (lambda r: plane_waves.gained(r, "n3d")[AMBIX], "W Y Z X", "wyzx"),
    (lambda r: r[[0, 1, 3, 2]], "W X Z Y", "remix 1 2 4 3"),
    (plane_waves.capsules, "A-format", "microphone's own software"),
    (
      lambda r: plane_waves.capsules(r, (3, 0, 2, 1)),
      "A-format",
      "capsules of a tetrahedron",
    ),
  ],
)
def test_another_order_or_format_is_told(made, fits, words):
  found = _heard(made(_recording()))
  assert found.fits == fits
  assert found.is_other
  assert len(found.warnings) == 1
  assert words in found.warnings[0]


@pytest.mark.parametrize(
  ("left", "right"),
  [
    ((12, 0), (-12, 0)),
    ((65, -8), (-65, -8)),
    ((30, 18), (-25, 12)),
    ((150, 0), (-150, 0)),
    ((115, 0), (65, 0)),
  ],
)
def test_ambix_is_told_wherever_loudspeakers_stand(left, right):
  recording = plane_waves.record(_music(), left, right)
  assert _heard(recording[AMBIX], maybe_simulated=False).fits == "W Y Z X"
  assert _heard(recording, maybe_simulated=False).warnings == ()


@pytest.mark.parametrize(
  ("left", "right"),
  [
    ((30, 45), (-30, 45)),
    ((10, 45), (-10, 45)),
    ((150, 10), (-150, 10)),
    ((60, 10), (20, 0)),
    ((60, 40), (20, 40)),
    ((0, 0), (180, 0)),
    ((90, 0), (-90, 0)),
    ((30, -40), (-30, -40)),
    ((-30, 0), (30, 0)),
    ((120, 0), (60, 0)),
    ((3, 0), (-3, 0)),
  ],
)
def test_unusual_places_are_no_other_order(left, right):
  found = _heard(plane_waves.record(_music(), left, right))
  assert found.fits == "as read"
  assert found.gains == "ambix"
  assert found.warnings == ()


@pytest.mark.parametrize("name", ["fuma", "n3d"])
def test_gains_are_told_by_the_length_of_the_direct_sound(name):
  found = _heard(plane_waves.gained(_recording(), name))
  assert found.fits == "as read"
  assert found.gains == name
  assert found.warnings == ()
  assert sound_field.gains_warning(found, name) is None
  assert sound_field.gains_warning(found, None) is None
  said = sound_field.gains_warning(found, "ambix")
  assert f"--ambisonic_format={name}" in str(said)


def test_a_file_read_as_ambix_that_is_none_is_told():
  found = _heard(_recording()[[0, 3, 1, 2]], order="wyzx")
  assert found.fits == "W X Y Z"
  assert "--channel_order=wxyz" in found.warnings[0]


def _changed(index, value):
  recording = _recording().copy()
  recording[index] = value(recording)
  return recording


@pytest.mark.parametrize(
  ("recording", "words"),
  [
    (_changed(3, lambda r: r[1]), "X and Z are the same"),
    (_changed(2, lambda r: -0.4 * r[0]), "W and Y are the same"),
    (
      _changed(
        3, lambda r: 1e-4 * np.random.default_rng(7).normal(size=r.shape[1])
      ),
      "channel Z holds 0%",
    ),
  ],
  ids=["copy", "turned copy", "noise"],
)
def test_a_channel_that_hears_no_room_is_told(recording, words):
  found = _heard(recording)
  assert words in found.warnings[0]
  assert not found.is_other


def test_mono_music_tells_height_alone():
  mono = np.repeat(_music()[:1], 2, axis=0)
  recording = plane_waves.record(mono, (30, 0), (-30, 0))
  assert _heard(recording, mono).warnings == ()
  assert _heard(recording[AMBIX], mono).fits == "W Y Z X"


@pytest.mark.parametrize("level", [1e-4, 1.0])
def test_quiet_and_noisy_recordings_are_not_accused(level):
  recording = plane_waves.record(_music(), noise=0.2, reflections=40)
  found = _heard((level * recording).astype(np.float32))
  assert found.warnings == ()


def test_too_little_sound_says_nothing():
  short = _recording()[:, : 10 * plane_waves.RATE_HZ]
  assert (
    heard_channels.of_sound(short, _music(), Clocks(0.0, 0.0), left="+Y")
    is None
  )
  silent = 0 * _recording()
  assert heard_channels.of_sound(silent, _music(), Clocks(0.0, 0.0)) is None


ROOMS = {
  "usual": Scene(),
  "small": Scene(room_m=(4, 2.5, 3.8), room_centre_m=(0.1, 0.05)),
  "hall": Scene(room_m=(20, 8, 15), reflection=0.85),
  "live": Scene(reflection=0.9, max_order=4, tail=Tail(0.8, 3.0)),
  "near the floor": Scene(speakers_m=((-0.6, 0.1, -1.5), (0.6, 0.1, -1.5))),
}


@pytest.mark.slow
@pytest.mark.parametrize("room", ROOMS)
def test_simulated_rooms_are_as_they_say(room):
  """In the simulator's plain axes, with --left and without."""
  music = composed.compose("swing", 16.0)
  plain = recorder.render(ROOMS[room], music, None, seed=1)
  for left in ("+Y", "-X"):
    found = _heard(plain, music, left=left)
    assert (found.fits, found.gains) == ("as read", "ambix")
    assert found.warnings == ()
  facing = dataclasses.replace(ROOMS[room], axes="facing_speakers")
  recording = recorder.render(facing, music, None, seed=1)
  assert _heard(recording, music).warnings == ()
  assert _heard(recording[AMBIX], music).fits == "W Y Z X"


def test_music_elsewhere_in_the_recording_is_heard_too():
  shift = 3 * plane_waves.RATE_HZ
  late = np.pad(_recording()[AMBIX], ((0, 0), (shift, 0)))
  found = heard_channels.of_sound(late, _music(), Clocks(3.0, 0.0))
  assert found is not None
  assert found.fits == "W Y Z X"
  # The recorder was started in the middle of the music.
  early = np.concatenate([plane_waves.music(5, 4.0), _music()], axis=1)
  found = heard_channels.of_sound(_recording()[AMBIX], early, Clocks(-4.0, 0.0))
  assert found is not None
  assert found.fits == "W Y Z X"


def test_rooms_of_other_tests_are_as_they_say():
  music = room_case.piece()
  recording = room_case.record(music, 0, 0.0, 16.0)
  assert _heard(recording, music).warnings == ()
