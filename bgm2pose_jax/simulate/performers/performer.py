"""A performer: a body, a manner and captured performances to show with them."""

from __future__ import annotations

import dataclasses

import numpy as np

from bgm2pose_jax.poses import Clip
from bgm2pose_jax.poses.body21 import mirrored
from bgm2pose_jax.simulate.motion import random_stream
from bgm2pose_jax.simulate.performers import acting, manner, movement
from bgm2pose_jax.simulate.performers.bodies import Body, draw_body
from bgm2pose_jax.simulate.performers.manner import Manner
from bgm2pose_jax.simulate.performers.repertoire import (
  People,
  common_actions,
  draw_files,
)

# Of what performers do. Recordings with performers of another version are
# other recordings: raise it with any change of their poses.
VERSION = 1
# A thrown punch reaches about 12 m/s at the hand; a performance with a faster
# joint is slowed down.
MAX_SPEED_M_S = 12.0


@dataclasses.dataclass(frozen=True)
class Performer:
  """Somebody who never was captured.

  Attributes:
    name: the performer's name, `p0`, `p1`, ...
    person: the captured person whose performances these are, where that person
      shows an action; others show the rest.
    body: bone lengths.
    manner: how the performer moves.
    files: motion files that the performer shows, one for each common action.
  """

  name: str
  person: str
  body: Body
  manner: Manner
  files: tuple[str, ...]


def draw_performer(people: People, number: int, seed: int) -> Performer:
  """Makes a performer of captured people.

  Args:
    people: captured clips by person.
    number: counts performers from 0; captured people take turns.
    seed: the seed of all performers.

  Returns:
    The same performer for the same people, number and seed, however many there
    are.

  Raises:
    InputError: as `repertoire.common_actions`.
  """
  name = f"p{number}"
  person = list(people)[number % len(people)]
  rng = random_stream(seed, "performer", name)
  return Performer(
    name=name,
    person=person,
    body=draw_body(rng),
    manner=manner.draw_manner(rng),
    files=draw_files(common_actions(people), person, rng),
  )


def perform_clip(performer: Performer, clip: Clip, seed: int) -> Clip:
  """A captured clip as the performer does it.

  Args:
    performer: who moves.
    clip: one of a file among `performer.files`.
    seed: the seed of all performers.

  Returns:
    The clip with the performer's positions (floor at y = 0, bone lengths
    constant, no joint faster than `MAX_SPEED_M_S`), stature, name and rate; it
    keeps its own name and action.
  """
  rng = random_stream(seed, "performance", performer.name, clip.source_path)
  how = manner.once(performer.manner, rng)
  positions_m = np.asarray(clip.positions_m)
  if how.mirrored:
    positions_m = mirrored(positions_m)
  varied = manner.vary(movement.read_movement(positions_m), how)
  acted_m = acting.act(varied, performer.body.dimensions)
  fastest_m = float(np.linalg.norm(np.diff(acted_m, axis=0), axis=-1).max())
  rate_hz = clip.rate_hz * how.tempo
  if fastest_m > 0:
    rate_hz = min(rate_hz, MAX_SPEED_M_S / fastest_m)
  return dataclasses.replace(
    clip,
    subject=performer.name,
    rate_hz=rate_hz,
    positions_m=acted_m.astype(np.float32),
    height_m=performer.body.stature_m,
  )
