"""Where jobs run: this machine, Slurm, Ray, Kubernetes or SkyPilot."""

from __future__ import annotations

import os
import pathlib

from absl import flags

from bgm2pose_jax.base.errors import InputError
from launch.sweep import local, manifests, ray_tune, slurm, status
from launch.sweep.book import Book

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


def start(book: Book) -> bool:
  """Starts a sweep, or says how it is started.

  Args:
    book: saved.

  Returns:
    False when a run failed; where others run the jobs, True.

  Raises:
    InputError: for flags that the engine cannot use.
  """
  engine = _ENGINE.value
  if engine in ("local", "ray"):
    return _run_here(book)
  if not any(book.unfinished(job) for job in book.jobs):
    print("every run is finished")
    return True
  path, text, how = _script(book)
  path.write_text(text)
  print(f"written: {path}")
  print(slurm.submit(path) if engine == "slurm" else f"start it with: {how}")
  print(f"then: python -m launch.sweep --out={book.folder} --status")
  return True


def _run_here(book: Book) -> bool:
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
        cpus=_CPUS.value,
        gpus=_ray_gpus(),
        workers=_WORKERS.value,
        address=_RAY_ADDRESS.value,
      )
  except KeyboardInterrupt:
    # Who stops a sweep does not wait for its tables.
    print(status.render(status.look(book), workers), flush=True)
    raise
  print(status.render(status.look(book), workers))
  print(status.write_tables(book), flush=True)
  return is_whole


def show(book: Book) -> None:
  """Prints what `start` would write, for engines that write a file."""
  if _ENGINE.value in ("slurm", "kubernetes", "skypilot"):
    path, text, how = _script(book)
    print(f"\n# {path}, to be started with: {how}\n{text}")


def _slots() -> list[local.Slot]:
  gpus = local.find_gpus() if _GPUS.value is None else _GPUS.value
  return local.make_slots(_WORKERS.value, local.usable_cores(), gpus)


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


def _script(book: Book) -> tuple[pathlib.Path, str, str]:
  """A file of the chosen engine: its path, text, and the command for it."""
  mount = _MOUNT.value or str(book.folder)
  if _ENGINE.value == "slurm":
    path = book.folder / slurm.SCRIPT
    text = slurm.script(
      book,
      directory=os.getcwd(),
      time=_TIME.value,
      partition=_PARTITION.value,
      gres=_GRES.value,
      cpus=_CPUS.value,
      workers=_WORKERS.value,
    )
    return path, text, f"sbatch {path}"
  if _ENGINE.value == "kubernetes":
    if not _IMAGE.value or not _CLAIM.value:
      raise InputError(
        "--engine=kubernetes",
        "needs an image and a volume that holds --out",
        "add --image=... and --volume_claim=...",
      )
    path = book.folder / manifests.KUBERNETES
    text = manifests.kubernetes(
      book,
      image=_IMAGE.value,
      mount=mount,
      volume_claim=_CLAIM.value,
      cpus=_CPUS.value,
      accelerators=_ACCELERATORS.value,
      workers=_WORKERS.value,
    )
    return path, text, f"kubectl create -f {path}"
  path = book.folder / manifests.SKYPILOT
  text = manifests.skypilot(
    book,
    image=_IMAGE.value,
    mount=mount,
    bucket=_BUCKET.value,
    cpus=_CPUS.value,
    accelerators=_ACCELERATORS.value,
    workers=_WORKERS.value,
  )
  return path, text, f"sky launch {path}"
