"""Jobs as trials of Ray Tune, here or on a cluster that shares the folder."""

from __future__ import annotations

import json
import pathlib
import signal
import sys
from typing import Any

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.config import run_folder as workdir_lib
from launch.sweep import child, local, submit, work
from launch.sweep.book import Book
from launch.sweep.options import Options

ENVIRONMENT = "sweep.ray.env.json"
# Ray starts a trial again on another node when its own is lost.
_RETRIES = 3


def trial(config: dict[str, Any]) -> dict[str, Any]:
  """Does one job in a process of its own, on what Ray gave this trial.

  Args:
    config: `job`, `sweep`, `directory` (the repository's root), `cpus`, whose
      count Ray keeps and does not enforce, and `environment`, the file that
      holds what else is set for the job; None for nothing.
  """
  folder = pathlib.Path(config["sweep"])
  own = {}
  if config["environment"]:
    own = workdir_lib.read_json(pathlib.Path(config["environment"]))
  words = [*work.COMMAND, f"--sweep={folder}", f"--job={config['job']}"]
  process = child.start(
    [*words, "--wait"],
    folder / "logs" / f"{config['job']}.log",
    directory=config["directory"],
    environment={**own, **local.thread_limits(config["cpus"])},
    death_signal=signal.SIGTERM,
  )
  try:
    # A failed run is no failed trial: it is named in the status, not retried.
    return {"exit_code": process.wait()}
  finally:
    child.stop(process)


def run(
  book: Book,
  *,
  directory: str,
  cpus: int | None = None,
  gpus: float | None = None,
  workers: int | None = None,
  address: str | None = None,
  options: Options | None = None,
) -> bool:
  """Does what is left of a sweep.

  Args:
    book: the book of the sweep, saved.
    directory: the repository's root, on every node.
    cpus: cores of a trial; None is 1.
    gpus: GPUs of a trial; None is 0.
    workers: trials at a time; None is as many as fit.
    address: the address of a cluster; None starts Ray here, or takes
      $RAY_ADDRESS.
    options: what Ray and each trial are told besides.

  Returns:
    Whether every run is finished.

  Raises:
    InputError: without Ray, a cluster that does not answer, or what Ray
      refuses, with its words.
  """
  try:
    import ray  # pyright: ignore[reportMissingImports]
    from ray import tune  # pyright: ignore[reportMissingImports]
  except ImportError as error:
    raise InputError(
      "--engine=ray",
      f"needs Ray ({error})",
      'install it: pip install -e ".[ray]"',
    ) from None
  left = [job for job in book.jobs if book.unfinished(job)]
  if not left:
    return True
  for job in left:
    book.failure(job).unlink(missing_ok=True)
  told = settings(directory, cpus=cpus, gpus=gpus, options=options)
  # Ray writes a runtime environment into logs that everyone can read.
  own = (
    pathlib.Path(book.folder.resolve(), ENVIRONMENT) if told["env"] else None
  )
  if own:
    submit.write(own, json.dumps(told["env"]))
  try:
    try:
      ray.init(address=address, runtime_env=told["runtime_env"], **told["init"])
    except (
      OSError,
      RuntimeError,
      TypeError,
      ValueError,
      ray.exceptions.RayError,
    ) as error:
      where = f"--ray_address={address}" if address else "--engine=ray"
      raise InputError(
        f"{where}: `ray.init`", f"ray: {error}", _fix(error)
      ) from None
    results = tune.Tuner(
      tune.with_resources(trial, told["resources"]),
      param_space={
        "job": tune.grid_search(left),
        "sweep": str(book.folder.resolve()),
        "directory": directory,
        "cpus": cpus or 1,
        "environment": str(own) if own else None,
      },
      tune_config=tune.TuneConfig(max_concurrent_trials=workers),
      run_config=tune.RunConfig(
        name="ray",
        storage_path=str(book.folder.resolve()),
        failure_config=tune.FailureConfig(max_failures=_RETRIES),
        verbose=1,
      ),
    ).fit()
    # The status names runs that failed; these trials had no worker to run one.
    for text in dict.fromkeys(_last_line(error) for error in results.errors):
      print(f"ray: {text}", file=sys.stderr)
  finally:
    ray.shutdown()
    if own:
      own.unlink(missing_ok=True)
  return not any(book.unfinished(job) for job in book.jobs)


def settings(
  directory: str,
  *,
  cpus: int | None,
  gpus: float | None,
  options: Options | None = None,
) -> dict[str, dict[str, Any]]:
  """What Ray is told.

  Args:
    directory: the repository's root, on every node.
    cpus: cores of a trial; None is 1.
    gpus: GPUs of a trial; None is 0.
    options: laid over it.

  Returns:
    `resources` of a trial, its `runtime_env`, `init` of Ray, and `env`, which
    is set for jobs and Ray does not hear of.
  """
  told: dict[str, dict[str, Any]] = {
    "resources": {"cpu": cpus or 1, "gpu": gpus or 0},
    # Ray would send the working folder to nodes that have it already.
    "runtime_env": {"env_vars": {"PYTHONPATH": directory}},
    "init": {},
    "env": {},
  }
  if options:
    options.place(told)
    if kind := options.values.get("accelerator_type"):
      # How Ray names them; a trial needs a node that has one.
      told["resources"][f"accelerator_type:{kind}"] = 0.001
  return told


def _fix(error: Exception) -> str:
  if isinstance(error, ConnectionError):
    return "start it with `ray start`, or correct --ray_address"
  return "correct --ray_address and --engine_option"


def _last_line(error: BaseException) -> str:
  """What a failed trial says, without its traceback."""
  lines = [line.strip() for line in str(error).splitlines() if line.strip()]
  return lines[-1][:500] if lines else type(error).__name__
