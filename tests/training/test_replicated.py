"""Replicas in one program get the numbers of their own separate runs.

In float64, so that a difference is a mistake and not the order of a sum.
"""

from __future__ import annotations

import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import test_steps

from bgm2pose_jax.data import device_cache
from bgm2pose_jax.runtime import mesh as mesh_lib
from bgm2pose_jax.systems.bgm2pose.task import PoseFromMusic
from bgm2pose_jax.training import replicated, steps

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("quick_compiling")]

SEEDS = (0, 7)
# The second replica's epoch is a step shorter.
LENGTHS = (3, 2)


@pytest.fixture(scope="module")
def apart():
  """What two runs, of two seeds and folds, do by themselves."""
  with jax.enable_x64(True):
    table = test_steps._table()
    config = test_steps._config(
      **{
        "run.compute_dtype": "float64",
        "network.dropout": 0.1,
        "optim.optimizer": "adam",
      }
    )
    task = PoseFromMusic(config, table.spec, 1)
    mesh = mesh_lib.make_mesh()
    rng = np.random.default_rng(0)
    folds = [np.sort(rng.permutation(len(table))[:32]) for _ in SEEDS]
    tables = [
      rng.permutation(fold)[: length * test_steps.BATCH]
      .reshape(length, test_steps.BATCH)
      .astype(np.int32)
      for fold, length in zip(folds, LENGTHS)
    ]
    controls = [
      steps.make_control(seed, rate, 0)
      for seed, rate in zip(SEEDS, (3e-3, 1e-3))
    ]
    cache = device_cache.put(table, task.fields)

    def states():
      return tuple(
        mesh_lib.replicate(mesh, task.init_state(seed, task.fit(table, fold)))
        for seed, fold in zip(SEEDS, folds)
      )

    step = steps.make_train_step(task, mesh, cached=True)
    ends, losses = [], []
    for state, rows, control in zip(states(), tables, controls):
      losses.append([])
      for batch in rows:
        state, figures = step(state, cache, jnp.asarray(batch[None]), control)
        losses[-1].append(float(figures["loss"]))
      ends.append(jax.device_get(state))
    return types.SimpleNamespace(
      task=task, mesh=mesh, states=states, cache=cache, ends=ends,
      losses=losses, index=replicated.stack_orders(tables),
      control=replicated.stack_control(controls),
    )  # fmt: skip


@pytest.mark.parametrize(
  ("form", "per_call"),
  [
    ("unrolled", 3),
    pytest.param("vmap", 1, marks=pytest.mark.long),
    pytest.param("products", 1, marks=pytest.mark.long),
  ],
)
def test_replicas_do_what_separate_runs_do(apart, form, per_call):
  with jax.enable_x64(True):
    step = replicated.make_train_step(apart.task, apart.mesh, form=form)
    states, means = apart.states(), []
    for start in range(0, len(apart.index), per_call):
      rows = jnp.asarray(apart.index[start : start + per_call])
      states, figures = step(states, apart.cache, rows, apart.control)
      means.append(np.asarray(figures["loss"]))
    assert step._cache_size() == 1
    states = jax.device_get(states)
  for i, (state, end) in enumerate(zip(states, apart.ends)):
    assert int(state.step) == LENGTHS[i]
    # A call's figures are means over a replica's own steps in it.
    own = [
      np.mean(apart.losses[i][start : start + per_call])
      for start in range(0, LENGTHS[i], per_call)
    ]
    found = [float(mean[i]) for mean in means[: len(own)]]
    np.testing.assert_allclose(found, own, rtol=1e-6)
    for name in ("params", "model_state", "opt_state"):
      for a, b in zip(
        jax.tree.leaves(getattr(state, name)),
        jax.tree.leaves(getattr(end, name)),
      ):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-8, err_msg=name)
  # They are different runs.
  assert abs(apart.losses[0][0] / apart.losses[1][0] - 1) > 1e-3


def test_orders_of_different_length_rest_at_their_end():
  first = np.arange(6, dtype=np.int32).reshape(3, 2)
  index = replicated.stack_orders([first, None, first[:1]])
  assert index.shape == (3, 3, 2)
  np.testing.assert_array_equal(index[:, 0], first)
  assert (index[:, 1] == replicated.REST).all()
  assert (index[1:, 2] == replicated.REST).all()
  np.testing.assert_array_equal(index[0, 2], first[0])
