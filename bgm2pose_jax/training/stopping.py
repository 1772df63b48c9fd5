"""How a training ends before its last step: asked, agreed on, saved.

`runtime.stop_signal` notes a signal; the training loop asks here after its
calls.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import NoReturn

import jax
import numpy as np

from bgm2pose_jax.runtime import stop_signal
from bgm2pose_jax.training import dispatch
from bgm2pose_jax.training.replica import Replica


@contextlib.contextmanager
def saved(runs: Sequence[Replica]) -> Iterator[None]:
  """Waits at the end for what is being saved, also after an error.

  A process that ends does not wait for a save under way.

  Args:
    runs: whose checkpoints are waited for.
  """
  try:
    yield
  finally:
    for run in runs:
      run.checkpoints.wait()


def next_item(items: Iterator[dispatch.Item]) -> dispatch.Item | None:
  """Returns the next call's data; None at the end, or after a signal.

  Ctrl-C reaches every process of a terminal, those that read batches too, and
  ends them.

  Args:
    items: the calls of an epoch.
  """
  try:
    return next(items, None)
  except Exception:
    if stop_signal.asked() is None or jax.process_count() > 1:
      raise
    return None


def asked() -> str | None:
  """Returns the signal that asked to stop, or None.

  All hosts have to ask at the same call; a signal to one of them is an answer
  to all.
  """
  name = stop_signal.asked()
  if jax.process_count() == 1:
    return name
  from jax.experimental import multihost_utils

  everywhere = multihost_utils.process_allgather(np.int32(name is not None))
  return name or ("a signal to another host" if np.any(everywhere) else None)


def save_and_stop(runs: Sequence[Replica], signal_name: str) -> NoReturn:
  """Saves runs inside an epoch; they go on to the same bytes.

  Args:
    runs: those that are not finished, with their states.
    signal_name: what asked to stop.

  Raises:
    Stopped: always.
    InputError: a state cannot be saved.
  """
  for run in runs:
    step = int(run.state.step)
    if run.begun is not None or step != (run.checkpoints.latest() or 0):
      run.save(None)
  for run in runs:  # said only when it is so
    run.checkpoints.wait()
  done = ", ".join(str(int(run.state.step)) for run in runs)
  raise stop_signal.Stopped(signal_name, f"after step {done}")
