"""Scenes by name or as JSON files."""

from __future__ import annotations

import os

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.files import json_file
from bgm2pose_jax.simulate import scenes
from bgm2pose_jax.simulate.scene import Scene


def read(path: str | None) -> Scene:
  """Reads a scene; fields that a file leaves out keep their defaults.

  Args:
    path: a name as `scenes.make` takes it; or a JSON file; or None for the
      default scene. A `simulated.json` of an earlier run is accepted too.

  Raises:
    InputError: unknown name, missing or broken file, unknown fields or values.
  """
  if path is None:
    return Scene()
  name = path.partition(":")[0]
  if name in scenes.SCENES or (
    name.replace("_", "").isalnum() and not os.path.lexists(path)
  ):
    try:
      return scenes.make(path)
    except TypeError as error:
      raise InputError(path, str(error), "correct the value") from None
  fix = 'write an object such as {"room_m": [8, 3, 6]}'
  values = json_file.read(path, fix)
  if "simulated" in values:
    values = json_file.read(path, fix, key="scene")
  try:
    return Scene.from_dict(values)
  except (TypeError, ValueError, OverflowError) as error:
    raise InputError(path, str(error), "correct the value") from None
