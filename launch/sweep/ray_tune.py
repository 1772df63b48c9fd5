"""Jobs as trials of Ray Tune, here or on a cluster that shares the folder."""

from __future__ import annotations

import pathlib
import signal
from typing import Any

from bgm2pose_jax.base.errors import InputError
from launch.sweep import child, local, work
from launch.sweep.book import Book

# Ray starts a trial again on another node when its own is lost.
_RETRIES = 3


def trial(config: dict[str, Any]) -> dict[str, Any]:
  """Does one job in a process of its own, on what Ray gave this trial.

  Args:
    config: `job`, `sweep`, `directory` (the repository's root) and `cpus`,
      whose count Ray keeps and does not enforce.
  """
  folder = pathlib.Path(config["sweep"])
  words = [*work.COMMAND, f"--sweep={folder}", f"--job={config['job']}"]
  process = child.start(
    [*words, "--wait"],
    folder / "logs" / f"{config['job']}.log",
    directory=config["directory"],
    environment=local.thread_limits(config["cpus"]),
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
  cpus: int | None,
  gpus: float | None,
  workers: int | None,
  address: str | None = None,
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

  Returns:
    Whether every run is finished.

  Raises:
    InputError: without Ray, or a cluster that does not answer.
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
  # Ray would send the working folder to nodes that have it already.
  environment = {"env_vars": {"PYTHONPATH": directory}}
  try:
    ray.init(address=address, runtime_env=environment)
  except (ConnectionError, ValueError) as error:
    raise InputError(
      f"--ray_address={address}", str(error), "start it with `ray start`"
    ) from None
  try:
    resources = {"cpu": cpus or 1, "gpu": gpus or 0}
    tune.Tuner(
      tune.with_resources(trial, resources),
      param_space={
        "job": tune.grid_search(left),
        "sweep": str(book.folder.resolve()),
        "directory": directory,
        "cpus": cpus or 1,
      },
      tune_config=tune.TuneConfig(max_concurrent_trials=workers),
      run_config=tune.RunConfig(
        name="ray",
        storage_path=str(book.folder.resolve()),
        failure_config=tune.FailureConfig(max_failures=_RETRIES),
        verbose=1,
      ),
    ).fit()
  finally:
    ray.shutdown()
  return not any(book.unfinished(job) for job in book.jobs)
