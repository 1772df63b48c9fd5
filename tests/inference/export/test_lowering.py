"""The steps lower for TPUs and NVIDIA GPUs, without the forms CPUs take.

Lowering is as far as a machine without them can go: every operation has a
rule for the platform, shardings and collectives are whole, shapes are fixed.
"""

from __future__ import annotations

import re

import jax
import numpy as np
import pytest

from bgm2pose_jax.config import schema as config_lib
from bgm2pose_jax.nn import winograd
from bgm2pose_jax.runtime import mesh as mesh_lib
from bgm2pose_jax.runtime import target
from bgm2pose_jax.systems.bgm2pose import features, presets
from bgm2pose_jax.systems.bgm2pose.task import PoseFromMusic
from bgm2pose_jax.training import steps

PLATFORMS = ("tpu", "cuda")
SPEC = features.get_feature_set("logmel_intensity").spec


def _mesh(devices: int):
  """The devices at hand, or as many of a kind that nobody has here."""
  if devices == 1:
    return mesh_lib.make_mesh()
  return jax.sharding.AbstractMesh((devices,), (mesh_lib.DATA_AXIS,))


def _steps(preset, devices, *, width, rows=2, dispatch=1, **changes):
  """Train and predict step, each with shapes in the place of arrays."""
  batch = rows * devices
  config = config_lib.overlay(
    presets.get_config(preset),
    {"network.width": width, "batch.size": batch, **changes},
  )
  task = PoseFromMusic(config, SPEC, 1)
  state = task.state_shapes(_statistics(task))
  control = jax.eval_shape(lambda: steps.make_control(0, 1e-3, 0))
  mesh = _mesh(devices)

  def placed(tree, spec):
    sharding = jax.NamedSharding(mesh, spec)
    return jax.tree.map(
      lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=sharding), tree
    )

  def columns(windows):
    every = {
      "features": (SPEC.window_frames, SPEC.bands, len(SPEC.channels)),
      "pose": (SPEC.window_frames, 21, 3),
    }
    return {
      name: jax.ShapeDtypeStruct(
        (windows, *every.get(name, ())),
        np.float32 if name in every else np.int32,
      )
      for name in task.fields
    }

  whole, state = jax.P(), placed(state, jax.P())
  index = jax.ShapeDtypeStruct((dispatch, batch), np.int32)
  train = (
    state,
    placed(columns(4 * batch), whole),
    placed(index, jax.P(None, mesh_lib.DATA_AXIS)),
    placed(control, whole),
  )
  seen = columns(batch)
  del seen["pose"]
  predict = (state, placed(seen, jax.P(mesh_lib.DATA_AXIS)))
  return {
    "train": (steps.make_train_step(task, mesh, cached=True), train),
    "predict": (steps.make_predict_step(task, mesh), predict),
  }


def _statistics(task):
  """Normalisation and mean pose of two windows of noise."""
  rng = np.random.default_rng(0)
  shape = (2, SPEC.window_frames, SPEC.bands, len(SPEC.channels))
  zeros = np.zeros(2, np.int32)

  class Table:
    features = rng.normal(size=shape).astype(np.float32)
    pose = rng.normal(size=(2, 12, 21, 3)).astype(np.float32)
    track = recording = zeros
    tracks = recordings = ("t",)
    valid = np.ones(2, bool)
    simulated = True

  return task.fit(Table, np.arange(2))


def _program(step, arguments, *platforms) -> str:
  exported = jax.export.export(step, platforms=platforms)(*arguments)
  assert exported.platforms == platforms
  return exported.mlir_module()


def _count(operation: str, program: str) -> int:
  return len(re.findall(rf"stablehlo\.{operation}\b", program))


@pytest.mark.parametrize("devices", [1, 8, 256])
@pytest.mark.parametrize(
  ("preset", "width"), [("demo", 1 / 32), ("official", 1 / 16)]
)
def test_both_steps_lower_for_every_platform_and_mesh(preset, width, devices):
  with target.tracing_for(target.ANY):
    found = _steps(preset, devices, width=width)
    for name, (step, arguments) in found.items():
      exported = jax.export.export(step, platforms=PLATFORMS)(*arguments)
      assert exported.nr_devices == devices, name
      assert exported.platforms == PLATFORMS


def test_a_dispatch_of_several_steps_lowers_in_bfloat16():
  with target.tracing_for(target.ANY):
    dispatch = steps.steps_per_dispatch(None)
    assert dispatch > 1
    found = _steps(
      "official",
      8,
      width=1 / 16,
      dispatch=dispatch,
      **{"run.compute_dtype": "bfloat16"},
    )
    program = _program(*found["train"], *PLATFORMS)
  assert _count("while", program) == 1
  assert "bf16" in program
  assert steps.steps_per_dispatch(None) == 1


@pytest.mark.parametrize(
  "name", [pytest.param("train", marks=pytest.mark.long), "predict"]
)
@pytest.mark.parametrize("platform", PLATFORMS)
def test_no_form_of_the_cpu_reaches_another_platform(name, platform):
  # Wide enough for both: Winograd's convolution and attention in chunks.
  def lowered(platform):
    step, arguments = _steps("official", 1, width=1, rows=16)[name]
    return _program(step, arguments, platform)

  with target.tracing_for(target.ANY):
    program = lowered(platform)
  on_cpu = lowered("cpu")
  with winograd.plain_convolution(True):
    plain = lowered("cpu")
  # What the CPU alone does: a loop over chunks, convolutions cut in six.
  assert _count("while", on_cpu) > 0
  assert _count("convolution", on_cpu) > _count("convolution", plain)
  assert _count("while", program) == 0
  assert _count("convolution", program) == _count("convolution", plain)
  if name == "train":
    # Without being told the platform, a CPU host would hand on its own form.
    assert _count("while", lowered(platform)) > 0


def test_audio_to_features_lowers():
  samples = SPEC.window_frames * 2400
  signals = [
    jax.ShapeDtypeStruct((4, channels, samples), np.float32)
    for channels in (4, 2)
  ]
  program = _program(jax.jit(features.extract), signals, *PLATFORMS)
  # One in the form of either kind of processor: transforms stay transforms.
  assert _count("fft", program) == 2
  assert "f64" not in program
