"""Job files for Kubernetes and SkyPilot, as YAML text."""

from __future__ import annotations

import shlex
from typing import Any

import yaml

from bgm2pose_jax.base.errors import InputError
from launch.sweep import options as options_lib
from launch.sweep import work
from launch.sweep.book import Book
from launch.sweep.options import Options

KUBERNETES = "sweep.kubernetes.yaml"
SKYPILOT = "sweep.sky.yaml"
# Where the Dockerfiles put the repository.
_IMAGE_ROOT = "/bgm2pose"


def kubernetes(
  book: Book,
  *,
  image: str,
  mount: str,
  volume_claim: str,
  cpus: int | None = None,
  accelerators: str | None = None,
  workers: int | None = None,
  options: Options | None = None,
) -> str:
  """An indexed Job: one index a job of the book.

  Finished jobs end at once, so the same file goes on with a sweep.

  Args:
    book: the book of the sweep.
    image: the image with this repository, see `launch/Dockerfile.gpu`.
    mount: where the pods find the sweep's folder.
    volume_claim: name of the PersistentVolumeClaim that holds it.
    cpus: cores of a pod.
    accelerators: resource and number, e.g. nvidia.com/gpu:1.
    workers: pods at a time; None is 1.
    options: what else the Job has.

  Raises:
    InputError: for a mount that a pod cannot have, or what is set twice.
  """
  options_lib.one_line("--mount", mount)
  if not mount.startswith("/") or ":" in mount:
    raise InputError(
      f"--mount={mount}",
      "is no path of a pod, which begins with / and has no colon",
      "write e.g. --mount=/sweep",
    )
  limits = {"cpu": str(cpus)} if cpus else {}
  if accelerators:
    name, _, number = accelerators.partition(":")
    limits[name] = number or "1"
  index = "--index=$(JOB_COMPLETION_INDEX)"
  container = {
    "name": "run",
    "image": image,
    "command": [*work.COMMAND, f"--sweep={_literal(mount)}", index, "--wait"],
    **({"resources": {"limits": limits}} if limits else {}),
    "volumeMounts": [{"name": "sweep", "mountPath": mount}],
  }
  volume = {
    "name": "sweep",
    "persistentVolumeClaim": {"claimName": volume_claim},
  }
  # The command itself failed (1, 2): the status names it, no new pod does.
  on_failure = {
    "action": "FailIndex",
    "onExitCodes": {
      "containerName": "run",
      "operator": "In",
      "values": [1, 2],
    },
  }
  spec = {
    "completionMode": "Indexed",
    "completions": len(book.jobs),
    "parallelism": min(workers or 1, len(book.jobs)),
    # A lost pod is made again; one failing run does not end the others.
    "backoffLimitPerIndex": 3,
    "maxFailedIndexes": len(book.jobs),
    "podFailurePolicy": {"rules": [on_failure]},
    "template": {
      "spec": {
        "restartPolicy": "Never",
        "containers": [container],
        "volumes": [volume],
      }
    },
  }
  job = {
    "apiVersion": "batch/v1",
    "kind": "Job",
    "metadata": {"generateName": "bgm2pose-sweep-"},
    "spec": spec,
  }
  if options:
    options.place(job)
    if environment := options.values.get("env"):
      container["env"] = [
        {"name": name, "value": _literal(value)}
        for name, value in environment.items()
      ]
  return _text(job)


def skypilot(
  book: Book,
  *,
  image: str | None,
  mount: str,
  bucket: str | None,
  cpus: int | None = None,
  accelerators: str | None = None,
  workers: int | None = None,
  options: Options | None = None,
) -> str:
  """A task of so many nodes, each with its share of the jobs.

  Args:
    book: the book of the sweep.
    image: the image with this repository; None syncs this folder and installs
      it.
    mount: where the nodes find the sweep's folder.
    bucket: address of the bucket that holds it, e.g. gs://name; None where
      `mount` is a volume of the nodes.
    cpus: cores of a node.
    accelerators: a node's, in SkyPilot's words, e.g. H100:1 or tpu-v5e-8.
    workers: nodes; None is 1.
    options: what else the task has.

  Raises:
    InputError: for a mount that a script cannot carry, or what is set twice.
  """
  options_lib.one_line("--mount", mount)
  task: dict[str, Any] = {
    "name": "bgm2pose-sweep",
    "num_nodes": min(workers or 1, len(book.jobs)),
  }
  resources = {
    "cpus": f"{cpus}+" if cpus else None,
    "accelerators": accelerators,
    "image_id": f"docker:{image.removeprefix('docker:')}" if image else None,
  }
  if given := {name: value for name, value in resources.items() if value}:
    task["resources"] = given
  if bucket:
    # Files are appended to: MOUNT alone writes whole files only.
    task["file_mounts"] = {mount: {"source": bucket, "mode": "MOUNT_CACHED"}}
  if not image:
    extra = "tpu" if (accelerators or "").startswith("tpu") else "cuda12"
    package = f'".[{extra}]"' if accelerators else "."
    task |= {"workdir": ".", "setup": f"pip install -e {package}\n"}
  if options:
    options.place(task)
  sweep = shlex.quote(f"--sweep={mount}")
  # A share for each node: buckets make no claim exclusive.
  task["run"] = (f"cd {_IMAGE_ROOT}\n" if image else "") + (
    f"{' '.join(work.COMMAND)} {sweep} --wait \\\n"
    '  --shard="$SKYPILOT_NODE_RANK/$SKYPILOT_NUM_NODES"\n'
  )
  return _text(task)


def _literal(text: str) -> str:
  """Text that Kubernetes does not expand: $(NAME) is a variable to it."""
  return text.replace("$", "$$")


class _Dumper(yaml.SafeDumper):
  """Writes scripts line by line."""


_Dumper.add_representer(
  str,
  lambda dumper, text: dumper.represent_scalar(
    "tag:yaml.org,2002:str", text, style="|" if "\n" in text else None
  ),
)


def _text(content: dict[str, Any]) -> str:
  return yaml.dump(content, Dumper=_Dumper, sort_keys=False)
