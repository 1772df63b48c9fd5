"""Each call's data: the right ones, ready in time, closed when done."""

from __future__ import annotations

import itertools
import json
import pathlib
import socket
import subprocess
import sys
import types

import jax
import linear_case
import numpy as np
import pytest
from linear_case import BATCH, FIELDS, STEPS, WINDOWS

from bgm2pose_jax.data import device_cache, pipeline
from bgm2pose_jax.runtime import mesh as mesh_lib
from bgm2pose_jax.training import dispatch

EPOCHS = 3


@pytest.fixture(scope="module")
def table():
  return linear_case.make_table()


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


def _assert_close(lines, wanted):
  for one, other in zip(lines, wanted, strict=True):
    assert one.keys() == other.keys()
    assert one == pytest.approx(other, rel=1e-5)


@pytest.mark.parametrize("parallel", ["jit", "pmap"])
def test_a_line_waits_for_the_next_call_and_nothing_moves_in_an_epoch(
  tmp_path, monkeypatch, parallel
):
  monkeypatch.setattr(dispatch, "Dispatches", _NothingMoves)
  did, cached, times = linear_case.train(
    tmp_path / "cached",
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
  _, streamed, _ = linear_case.train(
    tmp_path / "streamed",
    **{"batch.device_cache": "off", "run.parallel": parallel},
  )
  _assert_close(streamed, cached)


@pytest.mark.slow
@pytest.mark.parametrize(
  "cache", ["off", pytest.param("on", marks=pytest.mark.long)]
)
def test_two_processes_train_like_one(tmp_path, cache):
  with socket.socket() as free:
    free.bind(("localhost", 0))
    port = free.getsockname()[1]
  script = str(pathlib.Path(linear_case.__file__))
  running = [
    subprocess.Popen(
      [
        sys.executable,
        script,
        str(tmp_path / "two"),
        f"--cache={cache}",
        "--devices=2",
        "--processes=2",
        f"--process={i}",
        f"--coordinator=localhost:{port}",
      ],
      stderr=subprocess.PIPE,
      text=True,
    )
    for i in range(2)
  ]
  for process in running:
    _, error = process.communicate(timeout=300)
    assert process.returncode == 0, error
  text = (tmp_path / "two" / "metrics.jsonl").read_text()
  lines = [json.loads(line) for line in text.splitlines()]
  _, one, _ = linear_case.train(
    tmp_path / "one", **{"batch.device_cache": cache}
  )
  _assert_close(lines, one)
