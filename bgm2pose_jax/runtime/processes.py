"""One run over several processes: who they are, and how they begin and end.

Each host, or each group of devices, has a process that is given the same
command. They see each other's devices as one mesh. Process 0 leads: it alone
claims folders and writes to them; what the others may do before it has done
its part is in the order of `meet`.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import socket
import time
import traceback
from collections.abc import Iterator, Sequence
from typing import Any, NoReturn

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.runtime import (
  coordinator_relay,
  platforms,
  process_greeting,
  process_watch,
  stop_signal,
)

# Names the secret that shows who belongs to a run.
TOKEN = "BGM2POSE_PROCESS_TOKEN"
# How long a process waits at the beginning for the others to be started.
_START_S = 300
# How long JAX's own service waits for a process's sign of life: longer than
# the watch, which can say who is gone.
_HEARTBEAT_S = 120
_SHUTDOWN_S = 30
# An error may be the first sign of a process that is gone; how long the watch
# is given to say so.
_SETTLE_S = 1.0

_watch: process_watch.Watch | None = None


@dataclasses.dataclass(frozen=True)
class Place:
  """Where a process is among those of its run.

  Attributes:
    coordinator: HOST:PORT at which process 0 is met by the others.
    count: the number of processes.
    index: the index of this process.
    devices: local numbers of those it takes; None is all it sees.
    token: secret of the run's processes; None lets in whoever greets.
  """

  coordinator: str
  count: int
  index: int
  devices: Sequence[int] | None = None
  token: str | None = dataclasses.field(default=None, repr=False)


def place(
  hosts: str | None,
  coordinator: str | None,
  count: int | None,
  index: int | None,
  token: str | None = None,
) -> Place | None:
  """Settles what the flags say; None is one process alone.

  Args:
    hosts: "auto", or None.
    coordinator: HOST:PORT; `count` and `index` go with it.
    count: the number of processes.
    index: the index of this one.
    token: secret of the run's processes; None takes BGM2POSE_PROCESS_TOKEN of
      the environment, which other users of the host do not see.

  Raises:
    InputError: for flags that do not go together, or when nothing here says
      what "auto" is.
  """
  given = (coordinator, count, index)
  if hosts is not None:
    if any(value is not None for value in given):
      raise InputError(
        f"--hosts={hosts}",
        "given together with --coordinator, --processes or --process",
        "drop one: auto finds them out",
      )
    found = _detected()
  elif given == (None, None, None):
    return None
  elif coordinator is None or count is None or index is None:
    raise InputError(
      "--coordinator, --processes and --process",
      "are given in part",
      "give all three to every process",
    )
  else:
    found = Place(coordinator, count, index)
  if found.count < 1 or not 0 <= found.index < found.count:
    raise InputError(
      f"--process={found.index}",
      f"is none of {found.count} processes",
      "count them from 0",
    )
  _address(found.coordinator)
  token = token or os.environ.get(TOKEN) or None
  found = dataclasses.replace(found, token=token)
  return found if found.count > 1 else None


def count() -> int:
  """Returns how many processes this run has; opens no device for it."""
  import jax

  return jax.process_count() if jax.distributed.is_initialized() else 1


def leads() -> bool:
  """Whether this process is the one that writes."""
  import jax

  return count() == 1 or jax.process_index() == 0


def meet(name: str, value: Any = None) -> Any:
  """Waits for the other processes of the run, if there are any.

  Args:
    name: the name of the place where they meet.
    value: process 0's value, plain for JSON.

  Returns:
    Process 0's value.
  """
  if _watch is not None:
    return _watch.meet(name, value)
  if count() > 1:
    # JAX was started by somebody else: a library's user, or a test.
    from jax.experimental import multihost_utils

    multihost_utils.sync_global_devices(name)
  return value


def check_same(what: dict[str, Any]) -> None:
  """Refuses processes that were given different commands.

  Args:
    what: settings by name, plain for JSON.

  Raises:
    InputError: naming a setting that differs from process 0's.
  """
  theirs = meet("settings", what)
  for name, value in json.loads(json.dumps(what)).items():
    if theirs.get(name) != value:
      assert _watch is not None
      raise InputError(
        f"process {_watch.index} of {_watch.count}",
        f"was given {name}={value!r}, process 0 {theirs.get(name)!r}",
        "give the same command to all",
      )
  # Nobody makes anything before the last of them has agreed.
  meet("settings agreed")


def note_saved(step: int | None) -> None:
  """Notes what the same command would go on after.

  Args:
    step: the newest that is saved; None is the start.
  """
  if _watch is not None:
    where = "from the start" if step is None else f"after step {step}"
    _watch.goes_on = f"goes on {where}"


@contextlib.contextmanager
def joined(mine: Place | None) -> Iterator[None]:
  """Joins the other processes for a block, before any device is used.

  A block that ends in an error ends this process and all others with one line
  and the code of that error; so does a process that is gone, with the code of
  a signal. No JAX program survives either.

  Args:
    mine: what `place` returned; None is one process alone.
  """
  global _watch
  if mine is None:
    yield
    return
  try:
    _watch, service = _meet_others(mine)
    _open_devices(mine, service)
    yield
    _watch.leave()
    import jax

    jax.distributed.shutdown()
  except BaseException as error:
    _end(error)
  finally:
    _watch = None


def _meet_others(mine: Place) -> tuple[process_watch.Watch, int]:
  """Finds the other processes; the watch, and the port of JAX's service.

  The address that the command names is the watch's, so that whatever happens
  from here on is told.
  """
  host, port = _address(mine.coordinator)
  try:
    if mine.index:
      links, service = process_greeting.dial(
        host, port, mine.index, mine.count, _START_S, mine.token
      )
    else:
      server = process_greeting.listen(port)
      with socket.create_server(("", 0)) as free:
        service = free.getsockname()[1]
      links = process_greeting.accept(
        server, mine.count, service, _START_S, mine.token
      )
  except OSError as error:
    raise InputError(
      f"process {mine.index} of {mine.count} at {mine.coordinator}",
      f"cannot meet the others ({error.strerror or error})",
      "start all at about the same time, each with a number of its own; the "
      "address is process 0's, with a port that is free there",
    ) from error
  return process_watch.Watch(mine.index, mine.count, links), service


def _open_devices(mine: Place, service: int) -> None:
  """Starts JAX on all processes at once."""
  import jax

  # It would take SIGTERM for itself.
  jax.config.update("jax_enable_preemption_service", False)
  near = service
  if mine.index:
    host, _ = _address(mine.coordinator)
    near = coordinator_relay.start(host, service)
  try:
    jax.distributed.initialize(
      f"127.0.0.1:{near}",
      mine.count,
      mine.index,
      mine.devices,
      initialization_timeout=_START_S,
      heartbeat_timeout_seconds=_HEARTBEAT_S,
      shutdown_timeout_seconds=_SHUTDOWN_S,
    )
    platforms.check()
    # Until all have opened their devices, none can. On CPU the first to add up
    # over them waits half a minute for the others: now all are here.
    jax.block_until_ready(_everybody(jax.device_count()))
  except RuntimeError as error:
    raise InputError(
      f"process {mine.index} of {mine.count}",
      f"cannot share devices with the others ({_first_line(error)})",
      "let the hosts reach each other at any port",
    ) from error


def _everybody(devices: int) -> Any:
  """Adds up over all devices of all processes."""
  import jax
  import numpy as np

  mesh = jax.make_mesh((devices,), ("all",))
  ones = jax.make_array_from_callback(
    (devices,), jax.NamedSharding(mesh, jax.P("all")), lambda _: np.ones(1)
  )
  whole = jax.NamedSharding(mesh, jax.P())
  return jax.jit(lambda x: x.sum(), out_shardings=whole)(ones)


def _end(error: BaseException) -> NoReturn:
  """Ends every process for the reason that one has."""
  if isinstance(error, stop_signal.Stopped):
    code, line = stop_signal.EXIT_CODE, str(error)
  elif isinstance(error, InputError):
    time.sleep(_SETTLE_S)
    code, line = 2, f"error: {error}"
  else:
    import jax

    # A collective fails when another process is gone, and nobody knows why.
    lost = isinstance(error, jax.errors.JaxRuntimeError)
    limit = process_watch.LIMIT_S + process_watch.PERIOD_S
    time.sleep(limit if lost else _SETTLE_S)
    traceback.print_exception(error)
    code, line = 1, f"failed: {type(error).__name__}: {_first_line(error)}"
  if _watch is not None:
    if code == 1:
      line = f"process {_watch.index} of {_watch.count} {line}"
    _watch.end(code, line)
  process_watch.leave_with(code, line)


def _detected() -> Place:
  """What the surroundings say: a TPU pod's, Slurm's, Open MPI's."""
  try:
    import jax
    from jax._src.clusters import ClusterEnv

    found = ClusterEnv.auto_detect_unset_distributed_params(
      None, None, None, None, None, _START_S
    )
  except (ImportError, AttributeError, TypeError) as error:
    raise InputError(
      "--hosts=auto",
      f"cannot be asked for with JAX {jax.__version__}",
      "give --coordinator, --processes and --process",
    ) from error
  coordinator, number, index, devices = found
  if coordinator is None or number is None or index is None:
    raise InputError(
      "--hosts=auto",
      "no TPU pod, Slurm or Open MPI is found here",
      "give --coordinator, --processes and --process",
    )
  return Place(coordinator, number, index, devices)


def _address(text: str) -> tuple[str, int]:
  host, _, port = text.rpartition(":")
  if not host or not port.isdecimal() or not 0 < int(port) < 65536:
    raise InputError(
      f"--coordinator={text}",
      "is no HOST:PORT",
      "name process 0's host and a port that is free there",
    )
  return host.strip("[]"), int(port)


def _first_line(error: BaseException) -> str:
  return next(iter(str(error).splitlines()), type(error).__name__)
