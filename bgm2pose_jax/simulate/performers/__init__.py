"""Performers: captured movements, done by other bodies in other manners."""

from __future__ import annotations

from bgm2pose_jax.simulate.performers.performer import (
  VERSION,
  Performer,
  draw_performer,
  perform_clip,
)
from bgm2pose_jax.simulate.performers.repertoire import (
  SHORTEST_S,
  common_actions,
)

__all__ = [
  "SHORTEST_S",
  "VERSION",
  "Performer",
  "common_actions",
  "draw_performer",
  "perform_clip",
]
