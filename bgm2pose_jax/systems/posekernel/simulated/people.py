"""Who stands where in an environment, and in which pose.

People take turns. A visit is ten samples, half a second apart, of one person
at one spot with one heading, moving by `simulate.motion`'s repertoire or as
captured in motion files. Visit v of an environment is a function of the seed,
the environment and v.
"""

from __future__ import annotations

import dataclasses
import functools

import numpy as np

from bgm2pose_jax import poses
from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.data.split import natural_key
from bgm2pose_jax.simulate import kinematics, motion, sessions
from bgm2pose_jax.simulate.body import BodyModel
from bgm2pose_jax.systems.posekernel.simulated.body15_of import body15_of
from bgm2pose_jax.systems.posekernel.simulated.detector import project
from bgm2pose_jax.systems.posekernel.simulated.environments import Environment

VISIT_SAMPLES = 10
RATE_HZ = 2.0
# Where people stand, from the camera and aside; who does not fit into the
# image or the grid there stands elsewhere.
_NEAREST_M, _FARTHEST_M, _ASIDE_M = 1.9, 3.2, 0.7
_EDGE_PX = 12.0
_GRID_HALF_M = np.array([1.75, 1.25, 1.75])
_TRIES = 60
# Captured clips are joined by blends that are nobody's pose: they are played
# at this rate and read between.
_CAPTURED_RATE_HZ = 60.0
_CAPTURED_WINDOW_S = 0.8


@dataclasses.dataclass(frozen=True, eq=False)
class Visit:
  """A person's samples at one spot.

  Attributes:
    person: name.
    body: the spheres that the sound meets.
    positions_m: float64 [sample, joint=21, 3], relative to the middle of the
      square on the floor, y up.
    pose_m: float64 [sample, joint=15, 3], camera frame.
  """

  person: str
  body: BodyModel
  positions_m: np.ndarray
  pose_m: np.ndarray


@dataclasses.dataclass(frozen=True)
class People:
  """The people of a plan.

  Attributes:
    seed: seed of the plan.
    count: how many; with motion files at most that many.
    mocap_dir: folder of motion files, or None.
    joint_map: which names in these are which joints, see
      `poses.joint_map_file`; or None.
  """

  seed: int
  count: int
  mocap_dir: str | None = None
  joint_map: str | None = None

  @functools.cached_property
  def _clips(self) -> dict[str, list[poses.Clip]]:
    if self.mocap_dir is None:
      if self.joint_map is not None:
        raise InputError(
          "data.simulate.joint_map",
          f"{self.joint_map} given without data.simulate.mocap_dir",
          "give both or none",
        )
      return {}
    found: dict[str, list[poses.Clip]] = {}
    for clip in poses.load_folder(self.mocap_dir, self.joint_map):
      found.setdefault(clip.subject, []).append(clip)
    names = sorted(found, key=natural_key)[: self.count]
    return {name: found[name] for name in names}

  @functools.cached_property
  def names(self) -> tuple[str, ...]:
    """Names, `person01` and so on or those of the motion files."""
    made = (f"person{number + 1:02d}" for number in range(self.count))
    return tuple(self._clips) or tuple(made)

  def visit(self, environment: Environment, number: int) -> Visit:
    """Makes a visit.

    Raises:
      InputError: motion files that are too short or of somebody who fits
        nowhere in the image.
    """
    words = (environment.name, str(number))
    turn, place = divmod(number, len(self.names))
    order = motion.random_stream(
      self.seed, "turn", environment.name, str(turn)
    ).permutation(len(self.names))
    person = self.names[order[place]]
    rng = motion.random_stream(self.seed, "visit", *words)
    moves = self._moves(person, rng)
    body = BodyModel.fit(moves)
    for _ in range(_TRIES):
      heading = rng.uniform(-np.pi, np.pi)
      spot = np.array(
        [
          rng.uniform(-_ASIDE_M, _ASIDE_M),
          0.0,
          environment.camera_m[2] - rng.uniform(_NEAREST_M, _FARTHEST_M),
        ]
      )
      placed = moves @ kinematics.rotation(heading, 0.0, 0.0).T + spot
      pose = environment.to_camera(body15_of(placed, body))
      if _fits(pose, environment):
        return Visit(person, body, placed, pose)
    raise InputError(
      f"visit {number} to {environment.name}",
      f"{person} fits nowhere into the image and the grid",
      "leave this person out, or use another seed",
    )

  def _moves(self, person: str, rng: np.random.Generator) -> np.ndarray:
    """Positions [sample, 21, 3] about the origin, floor at y = 0."""
    # Some of what comes before is left out, so that not every visit begins
    # with the neutral posture.
    skipped = int(rng.integers(2, 2 + VISIT_SAMPLES))
    duration_s = (skipped + VISIT_SAMPLES) / RATE_HZ
    if self._clips:
      every = round(_CAPTURED_RATE_HZ / RATE_HZ)
      played = sessions.make_session(
        self._clips[person],
        duration_s,
        rng,
        rate_hz=_CAPTURED_RATE_HZ,
        window_s=_CAPTURED_WINDOW_S,
      ).positions_m[::every]
    else:
      style = motion.subject_style(person, self.seed)
      played = motion.perform(style, duration_s, rng, RATE_HZ).positions_m
    return played[skipped : skipped + VISIT_SAMPLES].astype(np.float64)


def _fits(pose_m: np.ndarray, environment: Environment) -> bool:
  """Whether all joints are in the image and in the grid, on its nearer side."""
  camera = environment.camera.as_array().astype(np.float64)
  px = project(pose_m, camera)
  in_image = (px >= _EDGE_PX) & (px < camera[4:6] - _EDGE_PX)
  offset = np.abs(pose_m - environment.grid_centre_m)
  return bool(
    in_image.all()
    and (pose_m[..., 2] > 0.5).all()
    and (offset < _GRID_HALF_M).all()
  )
