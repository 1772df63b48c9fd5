"""Holds the late field of a body against image sources of the body.

  python -m launch.studies.late_field --json=FILE --plot=FILE.png

In two rooms, a person in a pose, and the difference between two poses: energy
of what the body adds, beyond the way that meets no wall, in steps of 50 ms.
Image sources are exact for one visit to the body (`body_images`); the derived
field is the mean of --draws of its noise. Minutes a room. Exit status 1 when
the mean difference of an octave is more than 2 dB.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from absl import flags

from bgm2pose_jax.simulate import late_field, motion, recorder
from bgm2pose_jax.simulate.response_plan import Spheres
from bgm2pose_jax.simulate.scene import Scene
from launch.bench import harness
from launch.studies import body_images

_DRAWS = flags.DEFINE_integer("draws", 16, "of the derived field", 1)
_ORDER = flags.DEFINE_integer("order", 4, "of the spheres' series", 0)
_PLOT = flags.DEFINE_string("plot", None, "PNG of all levels")

RATE_HZ = 16_000
LONGEST_S = 0.4
STEP_S = 0.05
OCTAVES_HZ = (500.0, 1000.0)
WITHIN_DB = 2.0
# Extents and reverberation time.
ROOMS = (((8.0, 3.0, 6.0), 0.6), ((5.0, 2.7, 4.5), 0.4))
_POSE_RATE_HZ = 30.0
# The pose is there before anything sounds.
_BEFORE_S = 0.05


def scene_of(room_m: tuple[float, float, float], t60_s: float) -> Scene:
  """A room with one loudspeaker, and the tail of its volume."""
  scene = Scene(
    room_m=room_m,
    speakers_m=((-0.6, 1.0, -1.5),),
    sample_rate_hz=RATE_HZ,
    noise="none",
  )
  return body_images.with_tail(scene, t60_s)


def poses() -> Spheres:
  """A person in two poses that differ as scripted actions do."""
  style = motion.subject_style("a", 0)
  rng = np.random.default_rng(3)
  acted = motion.perform(style, 30.0, rng, _POSE_RATE_HZ).positions_m
  hands = acted[:, [-1, -5]].reshape(len(acted), -1)
  furthest = int(np.argmax(np.linalg.norm(hands - hands[0], axis=-1)))
  return recorder.scatterers(acted[[0, furthest]])[0]


def derived(scene: Scene, spheres: Spheres, seed: int) -> np.ndarray:
  """Responses of the derived field in both poses, W, [2, taps]."""
  assert scene.tail is not None
  tail = dataclasses.replace(scene.tail, seed=seed)
  scene = dataclasses.replace(scene, tail=tail)
  before = round(_BEFORE_S * RATE_HZ)
  click = np.zeros((1, before + round(LONGEST_S * RATE_HZ)), np.float32)
  click[0, before] = 1
  out = []
  for pose in range(2):
    # The first pose first: delays that all spheres share are its.
    frames = np.array([0, pose, pose])
    moved = dataclasses.replace(spheres, centres_m=spheres.centres_m[frames])
    heard = late_field.late_field(scene, click, moved, 3 / _BEFORE_S)
    out.append(heard[0, before:])
  return np.stack(out)


def _levels(responses: np.ndarray, octave_hz: float) -> dict[str, np.ndarray]:
  kinds = {"pose": responses[0], "change": responses[0] - responses[1]}
  return {
    kind: body_images.octave_levels_db(response, RATE_HZ, octave_hz, STEP_S)
    for kind, response in kinds.items()
  }


def measure(
  scene: Scene, spheres: Spheres, draws: int, order: int
) -> list[dict[str, Any]]:
  """Rows of one room: levels in steps, and how far apart they are.

  Args:
    scene: of `scene_of`.
    spheres: a body in two poses.
    draws: of the derived field.
    order: see `body_images.body_echo`.
  """
  exact = np.stack(
    [
      body_images.body_echo(scene, spheres, pose, LONGEST_S, order)
      for pose in range(2)
    ]
  )
  drawn = [derived(scene, spheres, seed) for seed in range(draws)]
  rows = []
  for octave_hz in OCTAVES_HZ:
    images = _levels(exact, octave_hz)
    ours = [_levels(one, octave_hz) for one in drawn]
    for kind, want in images.items():
      mean = np.mean([10 ** (one[kind] / 10) for one in ours], axis=0)
      found = 10 * np.log10(mean)
      rows.append(
        {
          "room": " x ".join(f"{x:g}" for x in scene.room_m),
          "octave_hz": octave_hz,
          "what": kind,
          "images_db": [round(float(x), 1) for x in want],
          "derived_db": [round(float(x), 1) for x in found],
          "mean_off_db": round(float(np.mean(found - want)), 1),
          "most_off_db": round(float(np.max(np.abs(found - want))), 1),
        }
      )
  return rows


def _plot(rows: list[dict[str, Any]], path: str) -> None:
  from matplotlib import figure

  drawn = figure.Figure(figsize=(10, 7), layout="constrained")
  axes = drawn.subplots(2, len(rows) // 2 // 2, squeeze=False).ravel()
  for axis, pair in zip(axes, zip(rows[::2], rows[1::2])):
    for row, colour in zip(pair, ("C0", "C3")):
      time_ms = (np.arange(len(row["images_db"])) + 0.5) * STEP_S * 1e3
      axis.plot(
        time_ms, row["images_db"], "o", color=colour,
        label=f"{row['what']}, image sources",
      )  # fmt: skip
      axis.plot(
        time_ms,
        row["derived_db"],
        color=colour,
        label=f"{row['what']}, derived",
      )
    axis.set_title(f"{pair[0]['room']} m, {pair[0]['octave_hz']:g} Hz")
    axis.set_xlabel("ms after the sound left the loudspeaker")
    axis.set_ylabel("dB in 50 ms")
    axis.legend(fontsize=8)
  drawn.savefig(path, dpi=100)


def main() -> int:
  """Prints a line for each room, octave and kind; 1 where they differ."""
  about = harness.begin()
  rows: list[dict[str, Any]] = []
  spheres = poses()
  for room_m, t60_s in ROOMS:
    scene = scene_of(room_m, t60_s)
    rows += measure(scene, spheres, _DRAWS.value, _ORDER.value)
    harness.write(about, rows=rows)
  harness.show(
    rows, ("room", "octave_hz", "what", "mean_off_db", "most_off_db")
  )
  if _PLOT.value:
    _plot(rows, _PLOT.value)
  return int(any(abs(row["mean_off_db"]) > WITHIN_DB for row in rows))


if __name__ == "__main__":
  harness.start(main)
