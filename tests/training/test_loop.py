"""What the loop writes down."""

from __future__ import annotations

import json
import math

import jax
import jax.numpy as jnp
import linear_case
import numpy as np
import numpy_figures
import pytest
import window_table

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.data.rows import Rows
from bgm2pose_jax.files.json_lines import JsonLines, read_jsonl
from bgm2pose_jax.runtime import mesh as mesh_lib
from bgm2pose_jax.state.step_folders import Best
from bgm2pose_jax.systems.bgm2pose.system import SYSTEM
from bgm2pose_jax.systems.bgm2pose.task import PoseFromMusic
from bgm2pose_jax.training import epoch_lines, loop


def test_means_are_over_steps_and_keep_what_is_not_finite(tmp_path):
  line = epoch_lines.mean(
    [
      (8, {"loss": np.float32(1.0), "norm": np.float32(2.0)}),
      (2, {"loss": np.float32(6.0), "norm": np.float32(math.nan)}),
    ]
  )
  assert line["loss"] == 2.0
  assert math.isnan(line["norm"])
  with JsonLines(tmp_path / "metrics.jsonl") as log:
    log.write(line)
  text = (tmp_path / "metrics.jsonl").read_text()
  assert json.loads(text) == {"loss": 2.0, "norm": "nan"}


class _Guarded(linear_case.Linear):
  """Leaves out updates whose loss is not finite, as the networks' tasks do."""

  def update(self, state, batch, keys, control):
    new, figures = super().update(state, batch, keys, control)
    good = jnp.isfinite(figures["loss"])
    kept = jax.tree.map(lambda a, b: jnp.where(good, a, b), new, state)
    kept = kept.replace(step=new.step, skipped=state.skipped + ~good)
    return kept, figures | {"gradient_norm": jnp.float32(1)}


def test_windows_behind_a_loss_that_is_not_finite_are_written_down(tmp_path):
  table = linear_case.make_table()
  table.features[7, 3] = np.nan
  changes = {"optim.max_skipped_steps": 1, "run.steps_per_dispatch": 2}
  config = linear_case.make_config(**{"optim.epochs": 4, **changes})
  trainer = loop.Trainer(
    config, _Guarded(), linear_case.Error(), table, mesh_lib.make_mesh()
  )
  path = tmp_path / "nonfinite.jsonl"

  def attempt() -> bytes:
    run = linear_case.open_run(trainer, config, np.arange(28), tmp_path)
    sound = np.arange(8, 28)
    run.rows = Rows(run.rows.train, sound, sound)
    with pytest.raises(InputError, match=r"2 updates .*nonfinite\.jsonl"):
      trainer.run([run])
    run.close()
    return path.read_bytes()

  first = attempt()
  lines = read_jsonl(path)
  assert len(lines) == 2
  for line in lines:
    assert line["figures"]["loss"] == "nan"
    steps = line["step"] - line["first_step"] + 1
    assert len(line["batches"]) == steps
    assert any("r:7" in batch for batch in line["batches"])
  # From the last good checkpoint, with the same words.
  assert attempt() == first


def test_validation_figures_are_those_of_the_poses():
  rng = np.random.default_rng(0)
  x = rng.normal(0, 1, (12, 12, 128, 9)).astype(np.float32)
  weights = rng.normal(0, 0.1, (128 * 9, 21 * 3)).astype(np.float32)
  # The task is these weights; they are near the poses.
  pred = (x.reshape(12, 12, -1) / 2 @ weights).reshape(12, 12, 21, 3)
  pose = pred + rng.normal(0, 0.5, pred.shape)
  table = window_table.one_recording(x, pose.astype(np.float32))
  # Two batches, the second of one row.
  config = linear_case.make_config(**{"run.eval_batch": 4})
  metrics = SYSTEM.figures.metrics
  trainer = loop.Trainer(
    config, linear_case.Linear(), metrics, table, mesh_lib.make_mesh()
  )
  state = trainer.task.init_state(0, ()).replace(params=jnp.asarray(weights))
  state = mesh_lib.replicate(trainer.mesh, state)
  rows = np.asarray([1, 4, 8, 9, 11])
  wanted = numpy_figures.figures(pred[rows], table.pose[rows])
  assert 0.1 < wanted["pckh50"] < 0.9
  assert trainer.validate(state, rows) == pytest.approx(
    {f"validation_{name}": value for name, value in wanted.items()}, rel=1e-5
  )
  assert PoseFromMusic.best == Best("validation_rmse")
