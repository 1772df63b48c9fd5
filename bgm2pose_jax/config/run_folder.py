"""The folder of a run: its name, and whose it is."""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
import pathlib
from collections.abc import Iterator
from typing import Any

from absl import logging

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.config import schema
from bgm2pose_jax.config.schema import Config
from bgm2pose_jax.files import json_file, lock, own_file, whole_file

CONFIG = "config.json"
MODEL = "model.json"
RESULTS = "results.json"
METRICS = "metrics.jsonl"
TIMING = "timing.jsonl"
PREDICTIONS = "predictions.npz"
REPORT = "report.html"
CHECKPOINTS = "checkpoints"
NAMES = (
  CONFIG,
  MODEL,
  RESULTS,
  METRICS,
  TIMING,
  PREDICTIONS,
  REPORT,
  CHECKPOINTS,
  lock.NAME,
)

# Fields that may change while a run goes on: the same batches in the same order
# whatever they are.
_FREE = frozenset(
  {
    "batch.cache_budget_gib",
    "batch.device_cache",
    "batch.workers",
    "run.steps_per_dispatch",
  }
)
_PACKAGES = (
  "jax",
  "jaxlib",
  "flax",
  "optax",
  "orbax-checkpoint",
  "numpy",
  "scipy",
  "grain",
  "tensorflow-datasets",
  "bgm2pose-jax",
)


def default_name(title: str, config: Config) -> str:
  """Returns `<title>-fold<f>-seed<s>-<8 hex of the config>`.

  Args:
    title: what the run is, from its system.
    config: the configuration with everything resolved.
  """
  digest = schema.digest(config)
  return f"{title}-fold{config.fold}-seed{config.seed}-{digest}"


def check_config(workdir: pathlib.Path, config: Config) -> None:
  """Refuses a folder made with another configuration, before any work.

  Args:
    workdir: where a run wants to write; may not exist yet.
    config: the configuration with everything resolved.

  Raises:
    InputError: naming the field that differs; or a link that lies in the
      folder under the name of one of a run's files.
  """
  own_file.check_no_links(workdir, NAMES)
  if (workdir / CONFIG).exists():
    _compare(
      workdir,
      *(
        {k: v for k, v in schema.flatten(c).items() if k not in _FREE}
        for c in (read_config(workdir, type(config)), config)
      ),
    )


def claim(
  workdir: pathlib.Path, config: Config, dataset: dict[str, Any]
) -> None:
  """Makes the folder this run's own, or checks that it is.

  Args:
    workdir: where the run writes; made when missing.
    config: the configuration with everything resolved.
    dataset: fingerprint and kind of the data.

  Raises:
    InputError: when the folder holds a run of another configuration or other
      data; the message names the field. Other versions of packages are a
      warning.
  """
  path = workdir / CONFIG
  own_file.check_no_links(workdir, NAMES)
  if path.exists():
    check_config(workdir, config)
    saved = read_json(path, "dataset")
    _compare(
      workdir,
      {f"dataset.{k}": v for k, v in saved.items()},
      {f"dataset.{k}": v for k, v in dataset.items()},
    )
    _warn_of_versions(path)
    return
  if workdir.is_dir() and any((workdir / name).exists() for name in
                              (RESULTS, METRICS, CHECKPOINTS)):  # fmt: skip
    raise InputError(
      workdir, "holds a run without config.json", "give another --workdir"
    )
  try:
    own_file.make_folder(workdir)
  except OSError as error:
    raise InputError(
      workdir, f"cannot be made ({error.strerror})", "give another --workdir"
    ) from error
  write_json(path, description(config, dataset))


def description(config: Config, dataset: dict[str, Any]) -> dict[str, Any]:
  """Returns the content of config.json.

  Args:
    config: the configuration with everything resolved.
    dataset: fingerprint and kind of the data.
  """
  return {
    "config": schema.to_dict(config),
    "dataset": dataset,
    "digest": schema.digest(config),
    "seed": config.seed,
    "versions": versions(),
  }


def read_model(workdir: pathlib.Path) -> str | None:
  """Reads the name of the model of a run's folder; None says none.

  Raises:
    InputError: when there is no configuration, or it cannot be read.
  """
  model = read_json(workdir / CONFIG, "config").get("model")
  return model if isinstance(model, str) else None


def read_config(
  workdir: pathlib.Path, cls: type[schema.AnyConfig]
) -> schema.AnyConfig:
  """Reads the configuration that a run's folder was made with.

  Args:
    workdir: a run's folder.
    cls: class of the configurations of the model's system.

  Raises:
    InputError: when there is none, or it cannot be read.
  """
  path = workdir / CONFIG
  with inside(path):
    return cls.from_dict(read_json(path, "config"))


@contextlib.contextmanager
def inside(path: pathlib.Path) -> Iterator[None]:
  """Names the file in errors that name only what stands in it.

  Args:
    path: the file.

  Raises:
    InputError: what the block raised, with the file in front.
  """
  try:
    yield
  except InputError as error:
    if error.where.startswith(str(path)):
      raise
    raise InputError(
      f"{path}, {error.where}", error.found, error.fix
    ) from error


def read_json(path: pathlib.Path, key: str | None = None) -> dict[str, Any]:
  """Reads an object that a run wrote.

  Args:
    path: the file.
    key: an object in it to return instead of the whole.

  Raises:
    InputError: when it is missing or not such an object.
  """
  if not path.exists():
    raise InputError(path, "no such file", "give the --workdir of a run")
  return json_file.read(path, "restore it or use another --workdir", key=key)


def write_json(path: pathlib.Path, content: dict[str, Any]) -> None:
  """Writes an object that `read_json` reads, whole or not at all.

  Args:
    path: the file.
    content: plain values.
  """
  text = json.dumps(content, indent=2, sort_keys=True)
  whole_file.write_text(path, text + "\n", private=True)


def versions() -> dict[str, str]:
  """Returns the versions of the packages that shape a run's numbers."""
  found = {}
  for name in _PACKAGES:
    try:
      found[name] = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
      found[name] = "not installed"
  return found


def _warn_of_versions(path: pathlib.Path) -> None:
  """Names packages that changed since the run began; it may round otherwise."""
  saved = read_json(path).get("versions")
  if not isinstance(saved, dict):
    return
  changed = [
    f"{name} {saved.get(name)} -> {now}"
    for name, now in versions().items()
    if saved.get(name) != now
  ]
  if changed:
    logging.warning(
      "%s began with other versions: %s", path.parent, ", ".join(changed)
    )


def _compare(
  workdir: pathlib.Path, theirs: dict[str, Any], ours: dict[str, Any]
) -> None:
  different = [k for k in ours | theirs if ours.get(k) != theirs.get(k)]
  if different:
    key = different[0]
    more = f" and {len(different) - 1} more" if len(different) > 1 else ""
    raise InputError(
      workdir,
      f"was made with {key}={theirs.get(key)!r}, this run has "
      f"{ours.get(key)!r}{more}",
      "give another --workdir, or the same settings",
    )
