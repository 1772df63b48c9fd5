"""Each call's data: the right ones, ready in time, closed when done."""

from __future__ import annotations

import itertools
import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bgm2pose_jax import config as config_lib
from bgm2pose_jax import (
  configs,
  dispatch,
  features,
  loop,
  replica,
  train_state,
)
from bgm2pose_jax import mesh as mesh_lib
from bgm2pose_jax.checkpoint import Checkpoints
from bgm2pose_jax.data import device_cache, pipeline
from bgm2pose_jax.data.rows import Rows
from bgm2pose_jax.data.table import WindowTable
from bgm2pose_jax.writer import JsonLines

WINDOWS, BATCH, STEPS, EPOCHS = 28, 4, 5, 3
FIELDS = ("features", "pose", "track")


@pytest.fixture(scope="module")
def table():
  rng = np.random.default_rng(0)
  spec = features.get_feature_set("logmel_intensity").spec
  zeros = np.zeros(WINDOWS, np.int32)
  return WindowTable(
    features=rng.normal(-30, 3, (WINDOWS, 12, 128, 9)).astype(np.float32),
    pose=rng.normal(10, 3, (WINDOWS, 12, 21, 3)).astype(np.float32),
    subject=zeros,
    track=zeros,
    genre=zeros,
    recording=zeros,
    label=zeros,
    window_index=np.arange(WINDOWS, dtype=np.int32),
    valid=np.ones(WINDOWS, bool),
    has_pose=np.ones(WINDOWS, bool),
    subjects=("0",),
    tracks=("haze",),
    genres=("ambient",),
    recordings=("r",),
    labels=("wave",),
    spec=spec,
    simulated=True,
    fingerprint="0",
  )


def _order(epoch: int) -> np.ndarray:
  rows = np.random.default_rng(epoch).permutation(WINDOWS)
  return rows[: STEPS * BATCH].reshape(STEPS, BATCH).astype(np.int32)


def _open(
  table, streamed: bool, first: int = 0, **given
) -> dispatch.Dispatches:
  source = {"cache": device_cache.put(table, FIELDS)}
  if streamed:
    stream = pipeline.grain_batches(
      table, _order, STEPS, first * STEPS, fields=FIELDS
    )
    source = {"stream": stream}
  return dispatch.Dispatches(
    _order,
    mesh_lib.make_mesh(),
    **{
      "epochs": range(first, EPOCHS),
      "steps_per_call": 2,
      "fields": FIELDS,
      **source,
      **given,
    },
  )


@pytest.mark.parametrize("first", [0, 2])
@pytest.mark.parametrize("streamed", [False, True])
def test_calls_follow_the_order_and_end_with_their_epoch(
  table, streamed, first
):
  with _open(table, streamed, first) as calls:
    for epoch in range(first, EPOCHS):
      got = list(calls.epoch(epoch))
      wanted = _order(epoch)
      assert [index.shape for _, index in got] == [(2, 4), (2, 4), (1, 4)]
      rows = np.concatenate([index for _, index in got])
      np.testing.assert_array_equal(rows, wanted)
      if streamed:
        for name in FIELDS:
          batches = np.concatenate([source[name] for source, _ in got])
          np.testing.assert_array_equal(batches, table.column(name)[wanted])
    with pytest.raises(ValueError, match="not the next one"):
      next(calls.epoch(EPOCHS))


def test_epochs_come_in_order(table):
  with (
    _open(table, streamed=False) as calls,
    pytest.raises(ValueError, match="epoch 1 is not the next one"),
  ):
    next(calls.epoch(1))


def test_one_source_is_needed(table):
  with pytest.raises(ValueError, match="cache or a stream"):
    _open(table, streamed=True, cache={})
  with pytest.raises(ValueError, match="cache or a stream"):
    _open(table, streamed=False, cache=None)


def _counted(table, taken: list[int]):
  for step in itertools.count():
    taken.append(step)
    rows = _order(step // STEPS)[step % STEPS]
    yield {name: table.column(name)[rows] for name in FIELDS} | {"row": rows}


def test_one_call_is_made_ahead_and_no_more(table):
  taken: list[int] = []
  stream = _counted(table, taken)
  with _open(table, True, cache=None, stream=stream, steps_per_call=1) as calls:
    for call, _ in enumerate(itertools.chain(calls.epoch(0), calls.epoch(1))):
      # What the thread works at while the loop holds this call.
      calls._ahead.result()
      assert len(taken) == call + 2


def test_cached_tables_are_placed_between_epochs(table):
  asked: list[int] = []

  def order(epoch):
    asked.append(epoch)
    return _order(epoch)

  cache = device_cache.put(table, FIELDS)
  with dispatch.Dispatches(
    order,
    mesh_lib.make_mesh(),
    epochs=range(EPOCHS),
    steps_per_call=1,
    cache=cache,
  ) as calls:
    for call, (source, _) in enumerate(calls.epoch(0)):
      assert source is cache
      calls._ahead.result()
      assert asked == ([0] if call < STEPS - 1 else [0, 1])


def test_nothing_is_read_beyond_the_last_epoch(table):
  taken: list[int] = []
  stream = _counted(table, taken)
  with _open(table, True, cache=None, stream=stream) as calls:
    for epoch in range(EPOCHS):
      list(calls.epoch(epoch))
  assert len(taken) == EPOCHS * STEPS


def test_wait_is_that_for_data_alone(table, monkeypatch):
  clock = types.SimpleNamespace(now=0)

  def tick():
    clock.now += 1
    return clock.now

  monkeypatch.setattr(
    dispatch, "time", types.SimpleNamespace(perf_counter=tick)
  )
  with _open(table, streamed=True) as calls:
    for _ in calls.epoch(0):
      clock.now += 1000  # the step's own time
    assert calls.waited_s == 3  # one tick a call
  with _open(table, streamed=False) as calls:
    for _ in calls.epoch(0):
      clock.now += 1000
    assert calls.waited_s == 1  # one an epoch


def test_a_failing_stream_fails_the_loop_and_is_closed(table):
  closed = []

  def failing():
    try:
      yield next(_counted(table, []))
      raise ValueError("disk gone")
    finally:
      closed.append(True)

  calls = _open(table, True, cache=None, stream=failing(), steps_per_call=1)
  with calls, pytest.raises(ValueError, match="disk gone"):
    list(calls.epoch(0))
  assert closed == [True]


def test_leaving_early_ends_stream_and_thread(table):
  closed = []

  def endless():
    try:
      yield from _counted(table, [])
    finally:
      closed.append(True)

  with _open(table, True, cache=None, stream=endless()) as calls:
    next(calls.epoch(0))
  assert closed == [True]
  assert not any(thread.is_alive() for thread in calls._thread._threads)


class _NothingMoves(dispatch.Dispatches):
  """From an epoch's first call to its end the loop may send nothing."""

  def epoch(self, epoch):
    items = super().epoch(epoch)
    first = next(items)
    with jax.transfer_guard_host_to_device("disallow_explicit"):
      yield first
      yield from items


class _Linear:
  """A task that compiles at once: the loop knows no model."""

  fields = FIELDS
  best_metric = "validation_error"

  def init_state(self):
    zeros = jnp.zeros((128 * 9, 21 * 3))
    return train_state.create(zeros, (), (), (), snapshots=0)

  def update(self, state, batch, keys, control):
    del keys
    x, y = self._flat(batch["features"]), batch["pose"].reshape(-1, 63)
    gap = x @ state.params - y
    rate = control["learning_rate"] * 1e-6
    step = jax.lax.pmean(x.T @ gap, mesh_lib.DATA_AXIS)
    loss = jax.lax.pmean(jnp.mean(gap**2), mesh_lib.DATA_AXIS)
    state = state.replace(
      step=state.step + 1, params=state.params - rate * step
    )
    return state, {"loss": loss}

  def predict(self, state, batch):
    out = self._flat(batch["features"]) @ state.params
    return out.reshape(-1, 12, 21, 3)

  def validation_figures(self, predicted, table, rows):
    error = np.abs(predicted - table.pose[rows]).mean()
    return {self.best_metric: float(error)}

  def _flat(self, features):
    return features.reshape(-1, 128 * 9) / 100


def _train(table, folder, monkeypatch, **changes):
  """Two epochs of five steps, a line every two; what happened, in order."""
  config = config_lib.overlay(
    configs.get_config("demo"),
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
  rows = np.arange(WINDOWS, dtype=np.int32)
  task = _Linear()
  mesh = mesh_lib.make_mesh()
  trainer = loop.Trainer(config, task, table, mesh)
  did: list[str] = []
  step = trainer._advance

  def recorded(*arguments):
    did.append("call")
    return step(*arguments)

  class Log(JsonLines):
    def write(self, line):
      did.append("line" if "loss" in line else "validation")
      super().write(line)

  trainer._advance = recorded
  monkeypatch.setattr(dispatch, "Dispatches", _NothingMoves)
  checkpoints = Checkpoints(folder / "checkpoints", metric=task.best_metric)
  with (
    Log(folder / "metrics.jsonl") as log,
    JsonLines(folder / "timing.jsonl") as timing,
  ):
    parts = Rows(rows, rows, rows)
    order = replica.make_order(config, table, parts, mesh.devices.size)
    run = replica.Replica(
      "", config, parts, order, task.init_state(), log, timing, checkpoints
    )
    trainer.run([run])
    lines, times = log.read(), timing.read()
  checkpoints.close()
  return did, lines, times


@pytest.mark.parametrize("parallel", ["jit", "pmap"])
def test_a_line_waits_for_the_next_call_and_nothing_moves_in_an_epoch(
  table, tmp_path, monkeypatch, parallel
):
  did, cached, times = _train(
    table,
    tmp_path / "cached",
    monkeypatch,
    **{"batch.device_cache": "on", "run.parallel": parallel},
  )
  epoch = ["call"] * 3 + ["line"] + ["call"] * 2 + ["line"] * 2 + ["validation"]
  assert did == 2 * epoch
  assert [line["step"] for line in cached] == [2, 4, 5, 5, 7, 9, 10, 10]
  assert cached[-1]["validation_error"] < cached[3]["validation_error"]
  for line in times:
    assert 0 <= line["data_wait_share"] < 1
    wait_s = line["data_wait_share"] * line["train_s"]
    assert line["data_wait_s"] == pytest.approx(wait_s)
  _, streamed, _ = _train(
    table,
    tmp_path / "streamed",
    monkeypatch,
    **{"batch.device_cache": "off", "run.parallel": parallel},
  )
  for one, other in zip(cached, streamed, strict=True):
    assert one.keys() == other.keys()
    assert other == pytest.approx(one, rel=1e-5)
