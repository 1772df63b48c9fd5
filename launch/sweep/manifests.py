"""Job files for Kubernetes and SkyPilot, as YAML text.

Values are written as JSON strings, which YAML reads as they are.
"""

from __future__ import annotations

import json

from launch.sweep.book import Book

KUBERNETES = "sweep.kubernetes.yaml"
SKYPILOT = "sweep.sky.yaml"


def kubernetes(
  book: Book,
  *,
  image: str,
  mount: str,
  volume_claim: str,
  cpus: int | None = None,
  accelerators: str | None = None,
  workers: int | None = None,
) -> str:
  """An indexed Job: one index a job of the book.

  Finished jobs end at once, so the same file goes on with a sweep.

  Args:
    book: of the sweep.
    image: with this repository, see `launch/Dockerfile.gpu`.
    mount: where the pods find the sweep's folder.
    volume_claim: name of the PersistentVolumeClaim that holds it.
    cpus: cores of a pod.
    accelerators: resource and number, e.g. nvidia.com/gpu:1.
    workers: pods at a time; None is 1.
  """
  limits = {"cpu": str(cpus)} if cpus else {}
  if accelerators:
    name, _, number = accelerators.partition(":")
    limits[name] = number or "1"
  resources = (
    ["          resources:", "            limits:"]
    + [f"              {_text(k)}: {_text(v)}" for k, v in limits.items()]
    if limits
    else []
  )
  return "\n".join(
    [
      "apiVersion: batch/v1",
      "kind: Job",
      "metadata:",
      "  generateName: bgm2pose-sweep-",
      "spec:",
      "  completionMode: Indexed",
      f"  completions: {len(book.jobs)}",
      f"  parallelism: {min(workers or 1, len(book.jobs))}",
      # A lost pod is made again; one failing run does not end the others.
      "  backoffLimitPerIndex: 3",
      f"  maxFailedIndexes: {len(book.jobs)}",
      "  podFailurePolicy:",
      "    rules:",
      # The command itself failed (1, 2): the status names it, no new pod does.
      "    - action: FailIndex",
      "      onExitCodes:",
      "        containerName: run",
      "        operator: In",
      "        values: [1, 2]",
      "  template:",
      "    spec:",
      "      restartPolicy: Never",
      "      containers:",
      "        - name: run",
      f"          image: {_text(image)}",
      "          command:",
      *(
        f"            - {_text(word)}"
        for word in (
          "python",
          "-m",
          "launch.sweep.work",
          f"--sweep={mount}",
          "--index=$(JOB_COMPLETION_INDEX)",
          "--wait",
        )
      ),
      *resources,
      "          volumeMounts:",
      "            - name: sweep",
      f"              mountPath: {_text(mount)}",
      "      volumes:",
      "        - name: sweep",
      "          persistentVolumeClaim:",
      f"            claimName: {_text(volume_claim)}",
      "",
    ]
  )


def skypilot(
  book: Book,
  *,
  image: str | None,
  mount: str,
  bucket: str | None,
  cpus: int | None = None,
  accelerators: str | None = None,
  workers: int | None = None,
) -> str:
  """A task of so many nodes, each with its share of the jobs.

  Args:
    book: of the sweep.
    image: with this repository; None syncs this folder and installs it.
    mount: where the nodes find the sweep's folder.
    bucket: address of the bucket that holds it, e.g. gs://name; None where
      `mount` is a volume of the nodes.
    cpus: cores of a node.
    accelerators: as SkyPilot writes them, e.g. H100:1 or tpu-v5e-8.
    workers: nodes; None is 1.
  """
  resources = {
    "cpus": f"{cpus}+" if cpus else None,
    "accelerators": accelerators,
    "image_id": f"docker:{image}" if image else None,
  }
  given = [f"  {k}: {_text(v)}" for k, v in resources.items() if v]
  mounts = [
    "file_mounts:",
    f"  {_text(mount)}:",
    f"    source: {_text(bucket or '')}",
    # Files are appended to: MOUNT alone writes whole files only.
    "    mode: MOUNT_CACHED",
  ]
  extra = "tpu" if (accelerators or "").startswith("tpu") else "cuda12"
  setup = [
    "workdir: .",
    "setup: |",
    f'  pip install -e ".[{extra}]"' if accelerators else "  pip install -e .",
  ]
  return "\n".join(
    [
      "name: bgm2pose-sweep",
      f"num_nodes: {min(workers or 1, len(book.jobs))}",
      *(["resources:", *given] if given else []),
      *(mounts if bucket else []),
      *([] if image else setup),
      "run: |",
      # A share for each node: buckets make no claim exclusive.
      *([f"  cd {_IMAGE_ROOT}"] if image else []),
      f"  python -m launch.sweep.work --sweep={mount} --wait \\",
      '    --shard="$SKYPILOT_NODE_RANK/$SKYPILOT_NUM_NODES"',
      "",
    ]
  )


# Where the Dockerfiles put the repository.
_IMAGE_ROOT = "/bgm2pose"


def _text(value: str) -> str:
  return json.dumps(value)
