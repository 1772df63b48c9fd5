from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.simulate import scenes
from bgm2pose_jax.simulate.scene import AXES, FORMATS, Scene, Tail
from bgm2pose_jax.simulate.scene_parts import (
  Background,
  Bystander,
  Loudspeaker,
  Residual,
)


def test_json_round_trip_gives_the_same_scene() -> None:
  octaves = (0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3)
  scene = Scene(
    reflection=(0.9, octaves, 0.5, 0.6, 0.7, 0.8),
    tail=Tail(t60_s=0.7),
    format="fuma",
    axes="facing_speakers",
    body_floor_image=True,
  )
  back = Scene.from_dict(json.loads(json.dumps(scene.to_dict())))
  assert back == scene
  assert hash(back) == hash(scene)


@pytest.mark.parametrize(
  ("field", "value"),
  [
    ("room_m", (8.0, -3.0, 6.0)),
    ("mic_m", (0.0, 3.5, 1.5)),
    ("speakers_m", ()),
    ("speakers_m", ((0.0, 1.0, 9.0),)),
    ("reflection", 1.2),
    ("reflection", (0.5, 0.5)),
    ("reflection", ((0.5, 0.4), 0.5, 0.5, 0.5, 0.5, 0.5)),
    ("max_order", -1),
    ("format", "a-format"),
    ("axes", "upside_down"),
    ("noise", "pinkish"),
    ("body_hop_s", 0.1),
    ("sample_rate_hz", 10),
    ("tail", 3.0),
    ("bystander", Bystander(place_m=(9.0, 0.0))),
  ],
)
def test_impossible_values_name_their_field(field: str, value) -> None:
  with pytest.raises(InputError, match=f"scene.{field}"):
    Scene(**{field: value})


@pytest.mark.parametrize(
  ("part", "field", "value"),
  [
    (Tail, "t60_s", 0.0),
    (Tail, "t60_s", (0.5, 0.5)),
    (Tail, "level_db", float("nan")),
    (Tail, "stirred", -1.0),
    (Loudspeaker, "directivity", 1.5),
    (Residual, "slow_share", 2.0),
    (Residual, "level_db", "loud"),
    (Background, "fan_db", 1e9),
  ],
)
def test_impossible_values_of_a_part_name_their_field(part, field, value):
  with pytest.raises(InputError, match=f"scene.*{field}"):
    part(**{field: value})


@pytest.mark.parametrize("name", scenes.SCENES)
def test_named_scenes_survive_json(name: str) -> None:
  scene = scenes.make(name)
  assert Scene.from_dict(json.loads(json.dumps(scene.to_dict()))) == scene


def test_a_name_takes_values_of_fields() -> None:
  made = scenes.make("measured:tail.t60_s=1.6:residual=none:format=fuma")
  assert made.tail is not None
  assert made.tail.t60_s == 1.6
  assert made.tail.level_db == scenes.SCENES["measured"].tail.level_db
  assert made.residual is None
  assert made.format == "fuma"
  made = scenes.make("plain:background.fan_db=-20")
  assert made.background == Background(fan_db=-20.0)
  for wrong in (
    "measurde",
    "plain:nope=1",
    "plain:tail.t60_s=[",
    "plain:a.b=1",
  ):
    with pytest.raises(InputError):
      scenes.make(wrong)


def test_the_plain_scene_keeps_its_digest() -> None:
  # Prepared data are named after it.
  assert set(Scene().to_dict()) == {
    "room_m", "room_centre_m", "mic_m", "speakers_m", "temperature_c",
    "reflection", "max_order", "sample_rate_hz", "format", "axes", "tail",
    "noise", "snr_db", "body_floor_image", "body_hop_s", "body_ceiling_hz",
    "seed",
  }  # fmt: skip


def test_a_share_of_the_tail_that_moves_is_no_longer_guessed() -> None:
  with pytest.raises(InputError, match=r"moving_fraction.*stirred"):
    Scene.from_dict({"tail": {"moving_fraction": 0.02}})


def test_unknown_fields_are_refused_by_name() -> None:
  with pytest.raises(InputError, match="colour"):
    Scene.from_dict({"colour": "red"})
  with pytest.raises(InputError, match="t61_s"):
    Scene.from_dict({"tail": {"t61_s": 1}})


def test_speed_of_sound() -> None:
  assert Scene().speed_of_sound_m_s == 343.0
  # 331.3 m/s at the freezing point, the textbook's other anchor.
  cold = dataclasses.replace(Scene(), temperature_c=0.0)
  assert cold.speed_of_sound_m_s == pytest.approx(331.3, abs=0.4)


def test_axis_maps_are_rotations() -> None:
  # A reflection would swap left and right for good.
  for name, rows in AXES.items():
    matrix = np.array(rows)
    np.testing.assert_array_equal(matrix @ matrix.T, np.eye(3), name)
    assert np.linalg.det(matrix) == pytest.approx(1.0), name


def test_formats_have_the_known_ratios() -> None:
  # W over X for a plane wave on the x axis, in decibels.
  want = {"ambix": 0.0, "fuma": -3.0103, "n3d": -4.7712}
  for name, (w, xyz) in FORMATS.items():
    assert 20 * np.log10(w / xyz) == pytest.approx(want[name], abs=1e-3)


def test_room_stands_on_the_floor_around_the_origin() -> None:
  low, high = Scene().room_corners_m()
  assert low[1] == 0
  np.testing.assert_allclose(high - low, Scene().room_m)
  assert (low[[0, 2]] < 0).all()
  assert (high[[0, 2]] > 0).all()
