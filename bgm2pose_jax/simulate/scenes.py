"""Scenes by name: rooms that were measured, and the plain one.

Where a scene is asked for, a name does, with values of single fields behind it:

  measured
  measured:tail.t60_s=1.6:residual.level_db=-20
  measured:residual=none

`carpet`, `tile` and `wood_floor` are rooms in which a loudspeaker and a
microphone 1.6 m apart were recorded (a laptop's chain, 16 kHz): reverberation
times and residuals as found there. `classroom` is empty, with the reverberation
times and the median level of 130 measured responses.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.simulate.scene import Scene
from bgm2pose_jax.simulate.scene_parts import (
  PARTS,
  Background,
  Loudspeaker,
  Residual,
  Tail,
)

# Loudspeaker and microphone of the three small rooms.
_PAIR: dict[str, Any] = {
  "speakers_m": ((0.0, 1.0, -0.1),),
  "mic_m": (0.0, 1.1, 1.5),
  "max_order": 1,
  "reflection": 0.4,
  "noise": "none",
}

# Between the three rooms' residuals.
_USUAL_DB = (-6.0, -19.5, -26.0, -34.0, -33.0, -31.0, -27.0)


def _small_room(
  room_m: tuple[float, float, float],
  t60_s: float,
  level_db: float,
  residual_db: tuple[float, ...],
  noise_db: float,
) -> Scene:
  return Scene(
    **_PAIR,
    room_m=room_m,
    tail=Tail(t60_s=t60_s, level_db=level_db, start_s=0.004),
    loudspeaker=Loudspeaker(bass_hz=200.0),
    residual=Residual(level_db=residual_db),
    background=Background(fan_db=noise_db, self_noise_db=-50.0),
  )


SCENES: dict[str, Scene] = {
  "plain": Scene(),
  "measured": Scene(
    max_order=2,
    reflection=0.6,
    tail=Tail(
      t60_s=(1.2, 1.1, 1.0, 1.0, 1.0, 0.9, 0.7), level_db=6.6, start_s=0.01
    ),
    loudspeaker=Loudspeaker(),
    residual=Residual(level_db=_USUAL_DB),
    background=Background(fan_db=-38.0, self_noise_db=-55.0),
    noise="none",
  ),
  "classroom": Scene(
    room_m=(9.0, 3.5, 7.5),
    max_order=2,
    reflection=0.8,
    tail=Tail(t60_s=(2.2, 2.2, 1.9, 1.9, 1.9, 1.4, 1.0), level_db=6.6),
    loudspeaker=Loudspeaker(),
    residual=Residual(level_db=_USUAL_DB),
    background=Background(fan_db=-38.0, self_noise_db=-55.0),
    noise="none",
  ),
  "carpet": _small_room(
    (4.5, 2.6, 5.0), 0.35, -6.0,
    (-6.0, -21.0, -27.5, -36.0, -36.0, -34.5, -30.5), -36.0,
  ),
  "tile": _small_room(
    (4.0, 2.6, 4.5), 0.39, 4.0,
    (-7.0, -20.0, -26.0, -34.0, -33.0, -31.0, -26.5), -36.0,
  ),
  "wood_floor": _small_room(
    (5.0, 2.8, 6.0), 0.69, 5.0,
    (-8.0, -19.5, -26.0, -34.5, -33.0, -31.0, -26.5), -36.0,
  ),
}  # fmt: skip


def make(text: str) -> Scene:
  """A scene by name, with values of fields behind it.

  Args:
    text: NAME or NAME:FIELD=VALUE:FIELD=VALUE; a field is one of `Scene`, or
      PART.FIELD; a value is JSON, or none.

  Raises:
    InputError: for an unknown name, field or value.
  """
  name, *changes = text.split(":")
  if name not in SCENES:
    raise InputError(
      f"scene {name!r}", "is unknown", f"use one of {', '.join(SCENES)}"
    )
  values = SCENES[name].to_dict()
  for change in changes:
    field, _, value = change.partition("=")
    _set(values, field.strip(), _parsed(text, value))
  return Scene.from_dict(values)


def _parsed(text: str, value: str) -> Any:
  if value.strip().lower() in ("none", "off"):
    return None
  try:
    return json.loads(value)
  except ValueError:
    if value.strip().isidentifier():
      return value.strip()
    raise InputError(
      f"scene {text!r}", f"{value!r} is no value", "give a number, [..] or none"
    ) from None


def _set(values: dict[str, Any], field: str, value: Any) -> None:
  part, _, inner = field.partition(".")
  if not inner:
    values[part] = value
    return
  if part not in PARTS:
    raise InputError(
      f"scene.{field}", "is no field", f"use one of {', '.join(PARTS)}"
    )
  own = values.get(part)
  if not isinstance(own, Mapping):
    own = dataclasses.asdict(PARTS[part]())
  values[part] = {**own, inner: value}
