"""The options that each engine understands: the table of `options`.

Slurm takes any long option of sbatch besides; `OWNED` are those it does not.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping
from typing import Any

SLURM = "slurm"
MAX_ARRAY_SIZE = "max_array_size"
# Options of sbatch that the sweep sets itself, or that submit no job.
OWNED = (
  "array",
  "signal",
  "wrap",
  "parsable",
  "test-only",
  "wait",
  "help",
  "usage",
  "version",
)
_SUFFIXES = {
  "": 1,
  **{u: 1000**i for i, u in enumerate("kMGTPE", start=1)},
  **{f"{u}i": 1024**i for i, u in enumerate("KMGTPE", start=1)},
}
_QUANTITY = re.compile(r"(\d{1,15}(?:\.\d{1,3})?)(m|[kMGTPE]|[KMGTPE]i)?")
_TOLERATION = re.compile(r"([^=:]+)(?:=([^:]*))?(?::([A-Za-z]+))?")
_EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")
_PULL_POLICIES = ("Always", "IfNotPresent", "Never")


def _quantity(text: str) -> str:
  if not _QUANTITY.fullmatch(text):
    raise ValueError("write e.g. 16Gi or 500m")
  return text


def _bytes(text: str) -> int:
  found = _QUANTITY.fullmatch(text)
  if not found or found[2] == "m":
    raise ValueError("write e.g. 16Gi, or bytes")
  return int(float(found[1]) * _SUFFIXES[found[2] or ""])


def _count(text: str) -> int:
  if not (text.isascii() and text.isdecimal() and len(text) < 16):
    raise ValueError("write a whole number")
  return int(text)


def _amount(text: str) -> float:
  try:
    value = float(text)
  except ValueError:
    value = -1.0
  if not 0 < value < 1e15:
    raise ValueError("write a number above 0")
  return value


def _array_size(text: str) -> int:
  # Slurm itself takes no more than the upper one.
  if not 1 <= (size := _count(text)) <= 4_000_001:
    raise ValueError("write 1 to 4000001")
  return size


def _yes_or_no(text: str) -> bool:
  if text.lower() not in ("true", "false"):
    raise ValueError("write true or false")
  return text.lower() == "true"


def _number_or_text(text: str) -> int | str:
  return _count(text) if text.isdecimal() else text


def _pull_policy(text: str) -> str:
  if text not in _PULL_POLICIES:
    raise ValueError(f"write one of {', '.join(_PULL_POLICIES)}")
  return text


def _toleration(text: str) -> dict[str, str]:
  found = _TOLERATION.fullmatch(text)
  if not found or found[3] not in (None, *_EFFECTS):
    raise ValueError(
      f"write KEY=VALUE:EFFECT or KEY:EFFECT, of {', '.join(_EFFECTS)}"
    )
  key, value, effect = found.groups()
  made = {"key": key, "operator": "Exists" if value is None else "Equal"}
  if value is not None:
    made["value"] = value
  return made | ({"effect": effect} if effect else {})


def _named(text: str) -> dict[str, str]:
  return {"name": text}


def _secret_of_env(text: str) -> dict[str, Any]:
  return {"secretRef": {"name": text}}


@dataclasses.dataclass(frozen=True)
class Key:
  """An option that an engine understands.

  Attributes:
    places: where its value goes, as keys and indices into what the engine is
      given; none for what the engine's module reads by name.
    read: makes the value of the text; its ValueError says what is right.
    is_list: may be given several times.
    is_map: is written KEY.NAME=VALUE, for any name.
    is_secret: is shown nowhere.
  """

  places: tuple[tuple[str | int, ...], ...] = ()
  read: Callable[[str], Any] = str
  is_list: bool = False
  is_map: bool = False
  is_secret: bool = False


_POD = ("spec", "template", "spec")
_CONTAINER = (*_POD, "containers", 0)
_LIMITS = (*_CONTAINER, "resources", "limits")


def _of_pod(*place: str, **more: Any) -> Key:
  return Key(((*_POD, *place),), **more)


def _of_both(name: str) -> Key:
  """Of the Job and of its pods."""
  places = (("metadata", name), ("spec", "template", "metadata", name))
  return Key(places, is_map=True)


def _resource(name: str, **more: Any) -> Key:
  return Key((("resources", name),), **more)


_SECRET_MAP = Key(is_map=True, is_secret=True)

# What each engine understands. Without a place: see the engine's module, or
# the flag of that name.
KEYS: Mapping[str, Mapping[str, Key]] = {
  "local": {},
  # And any long option of sbatch.
  SLURM: {MAX_ARRAY_SIZE: Key(read=_array_size), "env": _SECRET_MAP},
  "kubernetes": {
    "image": Key(),
    "cpus": Key(read=_count),
    "accelerators": Key(),
    "volume_claim": Key(),
    "namespace": Key((("metadata", "namespace"),)),
    "label": _of_both("labels"),
    "annotation": _of_both("annotations"),
    "memory": Key(((*_LIMITS, "memory"),), _quantity),
    "ephemeral_storage": Key(((*_LIMITS, "ephemeral-storage"),), _quantity),
    "limits": Key((_LIMITS,), _quantity, is_map=True),
    "requests": Key(
      ((*_CONTAINER, "resources", "requests"),), _quantity, is_map=True
    ),
    "node_selector": _of_pod("nodeSelector", is_map=True),
    "toleration": _of_pod("tolerations", read=_toleration, is_list=True),
    "service_account": _of_pod("serviceAccountName"),
    "priority_class": _of_pod("priorityClassName"),
    "runtime_class": _of_pod("runtimeClassName"),
    "image_pull_secret": _of_pod("imagePullSecrets", read=_named, is_list=True),
    "image_pull_policy": Key(((*_CONTAINER, "imagePullPolicy"),), _pull_policy),
    "env": _SECRET_MAP,
    "env_from_secret": Key(
      ((*_CONTAINER, "envFrom"),), _secret_of_env, is_list=True
    ),
    "deadline_s": Key((("spec", "activeDeadlineSeconds"),), _count),
    "ttl_s": Key((("spec", "ttlSecondsAfterFinished"),), _count),
  },
  "skypilot": {
    "image": Key(),
    "cpus": Key(read=_count),
    "accelerators": Key(),
    "bucket": Key(),
    "image_id": _resource("image_id"),
    "memory": _resource("memory"),
    "infra": _resource("infra"),
    "cloud": _resource("cloud"),
    "region": _resource("region"),
    "zone": _resource("zone"),
    "instance_type": _resource("instance_type"),
    "use_spot": _resource("use_spot", read=_yes_or_no),
    "disk_size": _resource("disk_size", read=_number_or_text),
    "disk_tier": _resource("disk_tier"),
    "network_tier": _resource("network_tier"),
    "max_hourly_cost": _resource("max_hourly_cost", read=_amount),
    "job_recovery": _resource("job_recovery"),
    "port": _resource("ports", read=_number_or_text, is_list=True),
    "label": _resource("labels", is_map=True),
    "env": Key((("envs",),), is_map=True, is_secret=True),
    "secret": Key((("secrets",),), is_map=True, is_secret=True),
  },
  "ray": {
    "cpus": Key(read=_count),
    "gpus": Key(read=_amount),
    "memory": Key((("resources", "memory"),), _bytes),
    "resource": Key((("resources",),), _amount, is_map=True),
    "accelerator_type": Key(),
    "namespace": Key((("init", "namespace"),)),
    "image": Key((("runtime_env", "image_uri"),)),
    "pip": Key((("runtime_env", "pip"),), is_list=True),
    "env": Key((("env",),), is_map=True, is_secret=True),
  },
}
# Other names people know these by.
ALIASES = {
  "mem": "memory",
  "cpu": "cpus",
  "tolerations": "toleration",
  "labels": "label",
  "annotations": "annotation",
  "ports": "port",
  "resources": "resource",
  "envs": "env",
  "secrets": "secret",
  "image_uri": "image",
  "container_image": "image",
  "image_pull_secrets": "image_pull_secret",
  "service_account_name": "service_account",
  "priority_class_name": "priority_class",
  "runtime_class_name": "runtime_class",
  "limit": "limits",
  "request": "requests",
  "spot": "use_spot",
}
