"""Where jobs run: this machine, Slurm, Ray, Kubernetes or SkyPilot."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

import yaml
from absl import flags

from bgm2pose_jax.base.errors import InputError
from launch.sweep import (
  local,
  manifests,
  options,
  ray_tune,
  slurm,
  status,
  submit,
)
from launch.sweep.book import Book
from launch.sweep.options import Options

ENGINES = ("local", "slurm", "ray", "kubernetes", "skypilot")

_ENGINE = flags.DEFINE_enum("engine", "local", list(ENGINES), "where jobs run")
_WORKERS = flags.DEFINE_integer(
  "workers",
  None,
  "jobs at a time (default: locally one a GPU, or one for every two cores; "
  "with slurm and ray as many as fit; with kubernetes and skypilot 1)",
)
_CPUS = flags.DEFINE_integer("cpus", None, "cores of a job, not for local")
_GPUS = flags.DEFINE_list(
  "gpus", None, "local: these GPUs alone; ray: how many (or a share) for a job"
)
_TIME = flags.DEFINE_string(
  "time", None, "slurm: limit of a job, e.g. 04:00:00"
)
_PARTITION = flags.DEFINE_string("partition", None, "slurm: where")
_GRES = flags.DEFINE_string("gres", None, "slurm: devices of a job, e.g. gpu:1")
_RAY_ADDRESS = flags.DEFINE_string(
  "ray_address", None, "ray: of a cluster (default: $RAY_ADDRESS, or here)"
)
_IMAGE = flags.DEFINE_string(
  "image", None, "kubernetes, skypilot: container image with this repository"
)
_ACCELERATORS = flags.DEFINE_string(
  "accelerators",
  None,
  "of a job; kubernetes: e.g. nvidia.com/gpu:1, skypilot: e.g. H100:1",
)
_MOUNT = flags.DEFINE_string(
  "mount",
  None,
  "kubernetes, skypilot: where workers find --out (default: at the same path)",
)
_CLAIM = flags.DEFINE_string(
  "volume_claim", None, "kubernetes: PersistentVolumeClaim that holds --out"
)
_BUCKET = flags.DEFINE_string(
  "bucket", None, "skypilot: address of the bucket that holds --out"
)
_OPTIONS = flags.DEFINE_multi_string("engine_option", [], options.help_text())
_SUBMIT = flags.DEFINE_bool(
  "submit",
  None,
  "hand what is written to the engine's command (default: slurm where there is "
  "sbatch; kubernetes and skypilot say the command instead)",
)
# {title: flags}, for --help.
FLAG_GROUPS = {
  "Where jobs run": (
    *("engine", "workers", "cpus", "gpus", "accelerators"),
    *("submit", "engine_option"),
  ),
  "Slurm": ("time", "partition", "gres"),
  "Ray": ("ray_address",),
  "Kubernetes and SkyPilot": ("image", "mount", "volume_claim", "bucket"),
}
# What hands a file to its engine; said, and what `--submit` runs.
_COMMANDS = {
  "kubernetes": (["kubectl", "create", "-f"], ["kubectl", "create", "-f"]),
  "skypilot": (["sky", "launch"], ["sky", "launch", "--yes", "--detach-run"]),
}


@dataclasses.dataclass(frozen=True)
class Plan:
  """What an engine is to do.

  Attributes:
    told: the options of the engine.
    files: {path: text}, in the order they are submitted.
    lines: lines of a shell that submit them.
    in_turn: each begins when the one before has ended.
  """

  told: Options
  files: Mapping[pathlib.Path, str] = dataclasses.field(default_factory=dict)
  lines: Sequence[str] = ()
  in_turn: bool = False


def plan(book: Book) -> Plan:
  """Reads the flags of the engine; writes and starts nothing.

  Args:
    book: the book of the sweep.

  Raises:
    InputError: for flags that the engine cannot use.
  """
  return _plan(book, options.read(_ENGINE.value, _OPTIONS.value))


def start(book: Book, made: Plan) -> bool:
  """Starts a sweep, or says how it is started.

  Args:
    book: saved.
    made: its plan.

  Returns:
    False when a run failed; where others run the jobs, True.

  Raises:
    InputError: for flags that the engine cannot use.
  """
  if _ENGINE.value in ("local", "ray"):
    return _run_here(book, made.told)
  if not any(book.unfinished(job) for job in book.jobs):
    print("every run is finished")
    return True
  if _ENGINE.value == "slurm":
    slurm.write(book.folder, made.files)
  else:
    for path, text in made.files.items():
      submit.write(path, text)
  for path in made.files:
    print(f"written: {path}", flush=True)
  print(_submitted(made))
  print(f"then: {_status_command(book)}")
  return True


def _submitted(made: Plan) -> str:
  """Submits a plan where that is wanted; says what was done, or is to do."""
  engine, paths = _ENGINE.value, list(made.files)
  if engine == "slurm" and _SUBMIT.value is not False:
    return slurm.submit(*paths, in_turn=made.in_turn, is_must=_SUBMIT.value)
  if engine != "slurm" and _SUBMIT.value:
    words = [*_COMMANDS[engine][1], str(paths[0])]
    return submit.run(words, streams=engine == "skypilot")
  return "start it with: " + "\n".join(made.lines)


def _status_command(book: Book) -> str:
  out = shlex.quote(f"--out={book.folder}")
  return f"python -m launch.sweep {out} --status"


def _run_here(book: Book, told: Options) -> bool:
  """Runs the jobs from this process, and says where the sweep stands then."""
  slots = _slots() if _ENGINE.value == "local" else []
  workers = len(slots) or _WORKERS.value or 1
  try:
    if slots:
      is_whole = local.run(book, slots)
    else:
      is_whole = ray_tune.run(
        book,
        directory=os.getcwd(),
        cpus=told.or_flag("cpus", "cpus", _CPUS.value),
        gpus=told.or_flag("gpus", "gpus", _ray_gpus()),
        workers=_WORKERS.value,
        address=_RAY_ADDRESS.value,
        options=told,
      )
  except KeyboardInterrupt:
    # Who stops a sweep does not wait for its tables.
    print(status.render(status.look(book), workers), flush=True)
    raise
  print(status.render(status.look(book), workers))
  print(status.write_tables(book), flush=True)
  return is_whole


def show(book: Book) -> None:
  """Prints what `start` would write or tell the engine, without secrets."""
  engine = _ENGINE.value
  told = options.read(engine, _OPTIONS.value).hidden()
  if engine == "ray":
    said = _ray_settings(told)
    print(f"\n# what Ray is told\n{yaml.safe_dump(said, sort_keys=False)}")
  elif engine != "local":
    made = _plan(book, told)
    if len(made.files) > 1:
      print("\n# to be started with:\n" + "\n".join(made.lines))
    for path, text in made.files.items():
      how = f", to be started with: {made.lines[0]}"
      print(f"\n# {path}{how if len(made.files) == 1 else ''}\n{text}")


def _slots() -> list[local.Slot]:
  gpus = local.find_gpus() if _GPUS.value is None else _GPUS.value
  return local.make_slots(_WORKERS.value, local.usable_cores(), gpus)


def _ray_settings(told: Options) -> dict[str, dict[str, Any]]:
  return ray_tune.settings(
    os.getcwd(),
    cpus=told.or_flag("cpus", "cpus", _CPUS.value),
    gpus=told.or_flag("gpus", "gpus", _ray_gpus()),
    options=told,
  )


def _ray_gpus() -> float | None:
  if _GPUS.value is None:
    return None
  try:
    (text,) = _GPUS.value
    return float(text)
  except ValueError:
    raise InputError(
      f"--gpus={','.join(_GPUS.value)}",
      "is no number of GPUs for a trial",
      "write e.g. --gpus=1 or --gpus=0.5",
    ) from None


def _plan(book: Book, told: Options) -> Plan:
  """What is written for the chosen engine, and the command for it."""
  engine = _ENGINE.value
  if engine == "ray":
    _ray_settings(told)  # refuses what Ray cannot be told
  if engine in ("local", "ray"):
    return Plan(told)
  if engine == "slurm":
    files = slurm.scripts(
      book,
      directory=os.getcwd(),
      time=_TIME.value,
      partition=_PARTITION.value,
      gres=_GRES.value,
      cpus=_CPUS.value,
      workers=_WORKERS.value,
      options=told,
      limits=slurm.find_limits(told),
    )
    # Each array keeps to --workers by itself, so one comes after the other.
    in_turn = len(files) > 1 and bool(_WORKERS.value)
    return Plan(told, files, slurm.how(list(files), in_turn=in_turn), in_turn)
  mount = _MOUNT.value or str(book.folder)
  image = told.or_flag("image", "image", _IMAGE.value)
  cpus = told.or_flag("cpus", "cpus", _CPUS.value)
  accelerators = told.or_flag(
    "accelerators", "accelerators", _ACCELERATORS.value
  )
  if engine == "kubernetes":
    claim = told.or_flag("volume_claim", "volume_claim", _CLAIM.value)
    if not image or not claim:
      raise InputError(
        "--engine=kubernetes",
        "needs an image and a volume that holds --out",
        "add --image=... and --volume_claim=...",
      )
    path = book.folder / manifests.KUBERNETES
    text = manifests.kubernetes(
      book,
      image=image,
      mount=mount,
      volume_claim=claim,
      cpus=cpus,
      accelerators=accelerators,
      workers=_WORKERS.value,
      options=told,
    )
  else:
    path = book.folder / manifests.SKYPILOT
    text = manifests.skypilot(
      book,
      image=image,
      mount=mount,
      bucket=told.or_flag("bucket", "bucket", _BUCKET.value),
      cpus=cpus,
      accelerators=accelerators,
      workers=_WORKERS.value,
      options=told,
    )
  return Plan(
    told, {path: text}, [shlex.join([*_COMMANDS[engine][0], str(path)])]
  )
