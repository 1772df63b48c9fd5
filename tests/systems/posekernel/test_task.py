from __future__ import annotations

import dataclasses
import functools

import jax
import numpy as np
import pytest

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.config.schema import BatchConfig, OptimConfig, RunConfig
from bgm2pose_jax.runtime import mesh as mesh_lib
from bgm2pose_jax.state.step_folders import Best
from bgm2pose_jax.systems.posekernel.config import (
  AugmentConfig,
  Config,
  DataConfig,
  EncodingConfig,
)
from bgm2pose_jax.systems.posekernel.rig import Camera
from bgm2pose_jax.systems.posekernel.task import LIFTED_FROM, LiftPoses
from bgm2pose_jax.training import steps

pytestmark = pytest.mark.usefixtures("quick_compiling")

ROWS = 4
NETWORK = {"width": 4, "sound_width": 2, "stages": 2, "depth": 1, "groups": 2}


def columns(rows=ROWS, pairs=3):
  """Made-up samples: a person 2.5 m ahead, seen where they are."""
  rng = np.random.default_rng(0)
  pose = rng.normal(0, 0.2, (rows, 15, 3)) + np.array([0, 0, 2.5])
  at = pose[..., :2] / pose[..., 2:] * 610 + np.array([640, 360])
  found = {
    "kernels": rng.normal(size=(rows, pairs, 3072)),
    "pairs": np.tile(
      [[-1, 0, 1], [1, 0, 1], [0, 1, 5.0]][:pairs], (rows, 1, 1)
    ),
    "keypoints": np.concatenate([at, np.ones((rows, 15, 1))], -1),
    "camera": np.tile(Camera().as_array(), (rows, 1)),
    "grid_centre": np.tile([0, 0, 2.5], (rows, 1)),
    "pose": pose,
  }
  return {name: x.astype(np.float32) for name, x in found.items()}


def task_of(inputs="both", read_out="soft", augment=None, **data):
  return LiftPoses(
    Config(
      network=NETWORK,
      read_out=read_out,
      data=DataConfig(inputs=inputs, **data),
      encoding=EncodingConfig(grid=(8, 8, 8), voxel_m=0.15),
      augment=AugmentConfig(**(augment or {})),
      batch=BatchConfig(size=ROWS),
      optim=OptimConfig(snapshot_average="off"),
      run=RunConfig(),
    )
  )


def _keys(seed=0):
  return jax.random.split(jax.random.key(seed), ROWS)


@functools.cache
def _drawn(inputs="both"):
  """A task and the state before its first step."""
  task = task_of(inputs)
  return task, task.init_state(0, {})


def test_training_learns():
  task, state = _drawn()
  mesh = mesh_lib.make_mesh(jax.devices()[:1])
  state = mesh_lib.replicate(mesh, jax.device_get(state))
  cache = mesh_lib.replicate(mesh, columns())
  step = steps.make_train_step(task, mesh, cached=True)
  control = mesh_lib.replicate(mesh, steps.make_control(0, 3e-2, 0))
  rows = jax.device_put(
    np.arange(ROWS, dtype=np.int32)[None],
    jax.NamedSharding(mesh, jax.P(None, mesh_lib.DATA_AXIS)),
  )
  found = []
  for _ in range(8):
    state, figures = step(state, cache, rows, control)
    found.append({k: float(v) for k, v in figures.items()})
  assert found[-1]["loss"] < 0.8 * found[0]["loss"]
  stages = [v for k, v in found[0].items() if k.startswith("loss_stage_")]
  assert len(stages) == 2
  assert sum(stages) == pytest.approx(found[0]["loss"], rel=1e-5)


def test_joints_are_lifted():
  task, state = _drawn()
  batch = {name: columns()[name] for name in LIFTED_FROM}
  joints = jax.jit(task.lift)(state, batch)
  assert (joints.shape, joints.dtype) == ((ROWS, 15, 3), np.float32)
  apart = np.abs(joints - batch["grid_centre"][:, None])
  assert float(apart.max()) < 4 * 0.15


def test_it_predicts_from_what_it_lifts_from():
  task = task_of()
  assert task.predicts_from == LIFTED_FROM
  assert set(task.fields) == {*LIFTED_FROM, "pose"}
  assert task.best == Best("validation_mpjpe_cm", lowest=True)


@pytest.mark.parametrize(
  ("inputs", "unread"),
  [("visual", ("kernels", "pairs")), ("audio", ("keypoints", "camera"))],
)
def test_what_is_not_asked_for_changes_nothing(inputs, unread):
  task, state = _drawn(inputs)
  lift = jax.jit(task.lift)
  batch = columns()
  rng = np.random.default_rng(1)
  other = batch | {
    name: rng.normal(size=batch[name].shape).astype(np.float32)
    for name in unread
  }
  np.testing.assert_array_equal(lift(state, batch), lift(state, other))
  heard = "kernels" if inputs == "audio" else "keypoints"
  other = batch | {heard: batch[heard][::-1]}
  assert np.abs(lift(state, batch) - lift(state, other)).max() > 0


def test_only_the_first_pairs_are_heard():
  _, state = _drawn()
  lift = jax.jit(task_of(pairs=2).lift)
  batch = columns()
  found = lift(state, batch)
  batch["kernels"][:, 2] = 9
  np.testing.assert_array_equal(lift(state, batch), found)
  batch["kernels"][:, 1] = batch["kernels"][:, 1, ::-1]
  assert np.abs(lift(state, batch) - found).max() > 0


def test_the_order_of_pairs_is_no_matter():
  task, state = _drawn()
  lift = jax.jit(task.lift)
  batch = columns()
  found = lift(state, batch)
  for name in ("kernels", "pairs"):
    batch[name] = batch[name][:, ::-1]
  np.testing.assert_allclose(lift(state, batch), found, atol=1e-5)


def test_examples_do_not_see_each_other():
  task, state = _drawn()
  batch = columns()
  found = jax.jit(task.lift)(state, batch)
  batch["kernels"][1:] = 0
  batch["keypoints"][1:] = 0
  again = jax.jit(task.lift)(state, batch)
  np.testing.assert_allclose(again[0], found[0], atol=1e-5)


def test_read_outs_differ_as_they_should():
  _, state = _drawn()
  batch = columns()
  soft, hard, ray = (
    np.asarray(jax.jit(task_of(read_out=how).lift)(state, batch))
    for how in ("soft", "hard", "ray")
  )
  voxels = (hard - batch["grid_centre"][:, None]) / 0.15 + 3.5
  np.testing.assert_allclose(voxels, np.round(voxels), atol=1e-4)
  assert 0 < np.abs(soft - hard).max() <= 0.3001
  seen = ray[..., :2] / ray[..., 2:] * 610 + np.float32([640, 360])
  np.testing.assert_allclose(seen, batch["keypoints"][..., :2], atol=0.01)


@pytest.mark.parametrize(
  "drawn",
  [
    {"detector": "fresh"},
    {"shift_m": 0.2},
    {"mirror": True},
    {"detector": "fresh", "turn_deg": 20.0, "tilt_deg": 5.0, "move_m": 0.2},
  ],
  ids=lambda drawn: list(drawn)[-1],
)
def test_training_examples_are_augmented_by_their_keys_alone(drawn):
  batch = columns()
  still = task_of().training_inputs({}, batch, _keys())
  task = task_of(augment=drawn)
  a, b, c = (task.training_inputs({}, batch, _keys(i)) for i in (0, 0, 1))
  for one, again in zip(a, b):
    np.testing.assert_array_equal(one, again)
  # Errors of the detector change rays, all else the targets too.
  part = 0 if list(drawn) == ["detector"] else 2
  for other in (still, c):
    assert np.abs(a[part] - other[part]).max() > 0.05


def test_a_fresh_detector_does_not_read_stored_keypoints():
  batch = columns()
  task = task_of(augment={"detector": "fresh"})
  found = task.training_inputs({}, batch, _keys())[0]
  batch["keypoints"] = 0 * batch["keypoints"]
  again = task.training_inputs({}, batch, _keys())[0]
  np.testing.assert_array_equal(again, found)


def test_another_camera_needs_a_fresh_detector():
  with pytest.raises(InputError, match=r"augment\.detector"):
    task_of(augment={"turn_deg": 20.0})


def test_a_ray_needs_keypoints():
  with pytest.raises(InputError, match="read_out"):
    task_of("audio", "ray")


def test_a_network_that_cannot_be_is_refused():
  config = dataclasses.replace(task_of().config, network=NETWORK | {"width": 5})
  with pytest.raises(InputError, match="groups"):
    LiftPoses(config)
