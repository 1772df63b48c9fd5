"""Train steps compiled by the accelerators' own compilers, never executed.

    .ci/run accelerators

A compiler that is not installed is skipped: `jax[tpu]` and `jax[cuda12]` each
need an environment of their own.
"""

from __future__ import annotations

import importlib.util

import jax
import pytest

from bgm2pose_jax.config import schema
from launch.bench import compile_case, network

pytestmark = pytest.mark.long

_COMPILERS = {"tpu": "libtpu", "cuda": "jax_cuda12_plugin"}
_TPU, _GPU = "v5e:2x4", "h100:1x1x8"


def _compiled(target, model, preset, changes, step="train", rows=16):
  platform = "tpu" if target == _TPU else "cuda"
  if importlib.util.find_spec(_COMPILERS[platform]) is None:
    pytest.skip(f"{_COMPILERS[platform]} is not installed")
  config = network.config(preset, changes, model)
  effort = {"exec_time_optimization_effort": -1.0} if platform == "tpu" else {}
  case = compile_case.Case(
    target=target,
    step=step,
    batch=rows,
    model=model,
    preset=preset,
    changes=schema.flatten(config),
    export=None,
    options=effort,
    text=None,
  )
  found = compile_case.run(case)
  assert "error" not in found, found["error"]
  return found


def _network(width, **more):
  return {"network.width": width, "run.compute_dtype": "bfloat16", **more}


def _parameter_bytes(changes) -> int:
  table = network.made_up_windows(2)
  task = network.task_of(network.config("official", changes), table)
  state = task.state_shapes(network.statistics_of(task, table))
  return 4 * sum(x.size for x in jax.tree.leaves(state.params))


@pytest.mark.parametrize("target", [_TPU, _GPU])
def test_what_a_train_step_exchanges_and_keeps(target):
  # The narrowest at which a head has the channels that the kernel asks for.
  changes = _network(1 / 8)
  found = _compiled(target, None, "official", changes)
  kinds = found["exchanges"]
  # Twenty normalisations forward and backward, embeddings and the gradients.
  assert sum(kind["count"] for kind in kinds.values()) < 60
  parameters = _parameter_bytes(changes)
  assert parameters < kinds["all-reduce"]["bytes"] < 1.3 * parameters
  # Scores of [16, 12, 128, 128] stay on the chip.
  largest = [x for x in found["largest"] if x["lives"] == "in memory"]
  assert not any("128,128]" in x["array"] for x in largest)
  # The batch's own entries are bfloat16: float32 is for sums alone.
  assert found["float32_gb"] < 0.1


@pytest.mark.parametrize("target", [_TPU, _GPU])
def test_normalisation_by_device_exchanges_gradients_alone(target):
  changes = _network(1 / 16, **{"run.batch_norm": "local"})
  kinds = _compiled(target, None, "official", changes)["exchanges"]
  assert sum(kind["count"] for kind in kinds.values()) <= 8


@pytest.mark.parametrize("target", [_TPU, _GPU])
@pytest.mark.parametrize("step", ["predict", "from_audio"])
def test_predictions(target, step):
  found = _compiled(target, None, "paper", _network(1 / 16), step, rows=1)
  assert sum(kind["count"] for kind in found["exchanges"].values()) == 0


@pytest.mark.parametrize("target", [_TPU, _GPU])
@pytest.mark.parametrize(
  ("model", "changes"),
  [
    ("mapnet", {}),
    ("posekernel", {}),
  ],
)
def test_other_systems(target, model, changes):
  changes = {"run.compute_dtype": "bfloat16", **changes}
  found = _compiled(target, model, "demo", changes, rows=2)
  assert found["memory_share"] < 1
