"""A run of the loop that compiles at once, as helper and as script.

    python tests/linear_case.py FOLDER --devices=2 --cache=off

trains as `train` does, on forced CPU devices; several processes: add
--process=I --processes=N --coordinator=HOST:PORT; one that gets a signal when
it has done so many calls: --signal_after=CALLS --signal_to=I --signal=SIGKILL.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import signal

import jax
import jax.numpy as jnp
import numpy as np
import window_table

from bgm2pose_jax.config import schema as config_lib
from bgm2pose_jax.data.rows import Rows
from bgm2pose_jax.evaluation.metrics import Figure
from bgm2pose_jax.files.json_lines import JsonLines
from bgm2pose_jax.runtime import mesh as mesh_lib
from bgm2pose_jax.runtime import processes, stop_signal
from bgm2pose_jax.state import train_state
from bgm2pose_jax.state.step_folders import Best
from bgm2pose_jax.systems.bgm2pose import presets
from bgm2pose_jax.systems.bgm2pose.config import Config
from bgm2pose_jax.systems.bgm2pose.table import MusicWindows
from bgm2pose_jax.training import loop, optim, replica

WINDOWS, BATCH, STEPS = 28, 4, 5
FIELDS = ("features", "pose", "track")


class Error:
  """The mean absolute error as a system's metrics."""

  figures = (Figure("error", "error"),)

  def sums(self, predicted, target):
    error = np.abs(np.asarray(predicted, float) - target)
    count = np.full(len(error), float(error[0].size))
    return {"error": error.sum(axis=(1, 2, 3)), "count": count}

  def finish(self, totals):
    return {"error": float(totals["error"] / totals["count"])}

  def overall(self, sums):
    return np.stack([sums["error"], sums["count"]], axis=1)

  def headline(self, totals):
    return totals[..., :1] / totals[..., 1:]


class Linear:
  """Least squares from sound to pose: the loop knows no model."""

  fields = FIELDS
  target = "pose"
  predicts_from = tuple(name for name in FIELDS if name != "pose")
  best = Best("validation_error")
  context = 0

  def fit(self, table, rows):
    return ()

  def init_state(self, seed, statistics):
    zeros = jnp.zeros((128 * 9, 21 * 3))
    return train_state.create(zeros, (), (), statistics, snapshots=0)

  def learning_rate(self, epoch):
    return optim.learning_rate(presets.get_config("demo").optim, epoch)

  def update(self, state, batch, keys, control):
    del keys
    x, y = self._flat(batch["features"]), batch["pose"].reshape(-1, 63)
    gap = x @ state.params - y
    rate = control["learning_rate"] * 1e-6
    step = jax.lax.pmean(x.T @ gap / len(x), mesh_lib.DATA_AXIS)
    loss = jax.lax.pmean(jnp.mean(gap**2), mesh_lib.DATA_AXIS)
    state = state.replace(
      step=state.step + 1, params=state.params - rate * step
    )
    return state, {"loss": loss}

  def predict(self, state, batch):
    out = self._flat(batch["features"]) @ state.params
    return out.reshape(-1, 12, 21, 3)

  def _flat(self, x):
    return x.reshape(-1, 128 * 9) / 2


def make_table() -> MusicWindows:
  rng = np.random.default_rng(0)
  return window_table.one_recording(
    rng.normal(-30, 3, (WINDOWS, 12, 128, 9)).astype(np.float32),
    rng.normal(10, 3, (WINDOWS, 12, 21, 3)).astype(np.float32),
  )


def make_config(**changes) -> Config:
  return config_lib.overlay(
    presets.get_config("demo"),
    {
      "batch.size": BATCH,
      "optim.epochs": 2,
      "optim.steps_per_epoch": STEPS,
      "optim.snapshot_average": "off",
      "run.log_every_steps": 2,
      "run.steps_per_dispatch": 1,
      **changes,
    },
  )


def train(
  folder: pathlib.Path,
  signal_after: int | None = None,
  number: signal.Signals = signal.SIGTERM,
  tracker: str | None = None,
  **changes,
) -> tuple[list[str], list, list]:
  """Two epochs of five steps, a line every two.

  Args:
    folder: of the run.
    signal_after: the call before which this process gets a signal.
    number: of the signal.
    tracker: a key of `trackers.PACKAGES`.
    **changes: of the configuration.

  Returns:
    What happened, in order ("call", "line", "validation"), and the lines of
    metrics.jsonl and timing.jsonl.
  """
  config = make_config(**changes)
  trainer = make_trainer(config)
  did: list[str] = []
  step = trainer._advance

  def recorded(*arguments):
    did.append("call")
    if did.count("call") == signal_after:
      os.kill(os.getpid(), number)
    return step(*arguments)

  class Log(JsonLines):
    def write(self, line):
      did.append("line" if "loss" in line else "validation")
      super().write(line)

  trainer._advance = recorded
  run = open_run(trainer, config, np.arange(WINDOWS), folder, tracker)
  run.metrics_log.close()
  run.metrics_log = Log(folder / "metrics.jsonl")
  trainer.run([run])
  lines, times = run.metrics_log.read(), run.timing_log.read()[1:]
  run.close()
  return did, lines, times


def make_trainer(config: Config) -> loop.Trainer:
  return loop.Trainer(
    config, Linear(), Error(), make_table(), mesh_lib.make_mesh()
  )


def open_run(
  trainer: loop.Trainer,
  config: Config,
  rows: np.ndarray,
  folder: pathlib.Path,
  tracker: str | None = None,
) -> replica.Replica:
  """A run on some of the windows, fresh or from its newest checkpoint."""
  parts = Rows(rows, rows, rows)
  order = replica.make_order(
    config, trainer.table, parts, trainer.mesh.devices.size
  )
  run = replica.Replica(folder.name, folder, config, parts, order, tracker)
  trainer.open(run)
  return run


def main() -> None:
  """Runs what the arguments say."""
  parser = argparse.ArgumentParser()
  parser.add_argument("folder", type=pathlib.Path)
  parser.add_argument("--devices", type=int, default=1)
  parser.add_argument("--cache", default="on")
  parser.add_argument("--process", type=int, default=0)
  parser.add_argument("--processes", type=int, default=1)
  parser.add_argument("--coordinator")
  parser.add_argument("--signal_after", type=int)
  parser.add_argument("--signal_to", type=int)
  parser.add_argument("--signal", default="SIGTERM")
  parser.add_argument("--tracker")
  given = parser.parse_args()
  os.environ["JAX_PLATFORMS"] = "cpu"
  os.environ["XLA_FLAGS"] = (
    f"--xla_force_host_platform_device_count={given.devices}"
  )
  place = processes.place(
    None,
    *(
      (given.coordinator, given.processes, given.process)
      if given.coordinator
      else (None, None, None)
    ),
  )
  with stop_signal.listening(), processes.joined(place):
    assert jax.device_count() == given.devices * given.processes
    train(
      given.folder,
      given.signal_after if given.signal_to == given.process else None,
      signal.Signals[given.signal],
      given.tracker,
      **{"batch.device_cache": given.cache},
    )


if __name__ == "__main__":
  main()
