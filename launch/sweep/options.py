"""What `--engine_option` tells each engine: one table, read and checked here.

Slurm takes any long option of sbatch; the others know the keys of `KEYS`. The
value of `env.NAME` and `secret.NAME` may be left out: it is then taken from
the environment, and stands in no history of a shell.
"""

from __future__ import annotations

import dataclasses
import difflib
import os
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bgm2pose_jax.base.errors import InputError

SLURM = "slurm"
MAX_ARRAY_SIZE = "max_array_size"
_FLAG = "--engine_option"
_ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SBATCH_NAME = re.compile(r"[a-z][a-z0-9-]*")
# Options of sbatch that the sweep sets itself, or that submit no job.
_OWNED = (
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
_ALIASES = {
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


@dataclasses.dataclass(frozen=True)
class Options:
  """What an engine is told beside its flags.

  Attributes:
    engine: its name.
    values: {key of the table: value}; a list or {name: value} where the key
      says so.
    sbatch: {long option of sbatch: value}; None for one without a value.
  """

  engine: str
  values: Mapping[str, Any] = dataclasses.field(default_factory=dict)
  sbatch: Mapping[str, str | None] = dataclasses.field(default_factory=dict)

  def place(self, content: dict[str, Any]) -> None:
    """Puts every value that has a place where it belongs.

    Args:
      content: what the engine is given; it grows.

    Raises:
      InputError: something else is there already.
    """
    for name, value in self.values.items():
      for place in KEYS[self.engine][name].places:
        _put(f"{_FLAG}={name}", content, place, value)

  def hidden(self) -> Options:
    """The same to look at: secrets are not in it."""
    values = {
      name: dict.fromkeys(value, "***")
      if KEYS[self.engine][name].is_secret
      else value
      for name, value in self.values.items()
    }
    return dataclasses.replace(self, values=values)

  def or_flag(self, name: str, flag: str, given: Any) -> Any:
    """The value of an option that is a flag, too.

    Args:
      name: of the option.
      flag: name of the flag.
      given: the flag's value, None where it is not given.

    Raises:
      InputError: both are given.
    """
    own = self.values.get(name, self.sbatch.get(name))
    if own is not None and given is not None:
      raise InputError(
        f"{_FLAG}={name}={own}", f"--{flag}={given} says it too", "give one"
      )
    return given if own is None else own


def read(engine: str, given: Sequence[str]) -> Options:
  """Reads KEY=VALUE texts for an engine.

  Args:
    engine: its name.
    given: the texts, as on the command line.

  Raises:
    InputError: for a key the engine does not know, or a value it cannot use.
  """
  values: dict[str, Any] = {}
  sbatch: dict[str, str | None] = {}
  for text in given:
    written, equals, value = text.partition("=")
    key, dot, name = written.strip().partition(".")
    if engine == SLURM and not dot and _snake(key) != MAX_ARRAY_SIZE:
      option = _sbatch_name(written.strip())
      _once(option, sbatch, written)
      one_line(f"{_FLAG}={option}", value)
      sbatch[option] = value if equals else None
      continue
    key, name = _known(engine, key), name.strip()
    known = KEYS[engine][key]
    if known.is_map:
      if not name and not known.is_secret:  # node_selector=NAME=VALUE
        name, equals, value = value.partition("=")
      found = _read(known, f"{key}.{name}", name, value, bool(equals))
      held = values.setdefault(key, {})
      _once(name, held, written)
      held[name] = found
    elif dot:
      raise InputError(
        f"{_FLAG}={written}", f"{key} takes no name", f"write {key}=VALUE"
      )
    else:
      found = _read(known, key, None, value, bool(equals))
      if known.is_list:
        values.setdefault(key, []).append(found)
      else:
        _once(key, values, written)
        values[key] = found
  return Options(engine, values, sbatch)


def help_text() -> str:
  """What each engine understands, for `--help`."""
  parts = [
    f"{engine}: " + ", ".join(_shown(name, key) for name, key in keys.items())
    for engine, keys in KEYS.items()
    if keys
  ]
  parts[0] += (
    ", and any long option of sbatch (account=lab, qos=low, mem=16G, "
    "constraint=a100, exclusive)"
  )
  return (
    "KEY=VALUE, repeatable: what the engine is told beside its own flags; "
    f"{'; '.join(parts)}. env.NAME and secret.NAME alone take the value from "
    "the environment"
  )


def one_line(where: str, text: str) -> str:
  """Refuses characters that end or hide a line of a script.

  Args:
    where: names the value in messages.
    text: the value.

  Returns:
    The value.

  Raises:
    InputError: it has a control character, or bytes that are no text.
  """
  for c in text:
    if unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp"):
      name = {"\n": "a line break", "\r": "a carriage return", "\t": "a tab"}
      raise InputError(
        where,
        f"holds {name.get(c, f'the character U+{ord(c):04X}')}, which a line "
        "of a script cannot carry",
        "give one without",
      )
  return text


def _shown(name: str, key: Key) -> str:
  return f"{name}.NAME" if key.is_map else name


def _snake(key: str) -> str:
  """The way the table writes a key: nodeSelector is node_selector."""
  parted = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", key[:100])
  return parted.replace("-", "_").lower()


def _known(engine: str, key: str) -> str:
  keys = KEYS[engine]
  name = _snake(key)
  name = name if name in keys else _ALIASES.get(name, name)
  if name in keys:
    return name
  if not keys:
    raise InputError(
      f"{_FLAG}={key}", f"--engine={engine} takes no options", "drop it"
    )
  others = [alias for alias, own in _ALIASES.items() if own in keys]
  near = difflib.get_close_matches(name, [*keys, *others], 1, 0.6)
  listed = ", ".join(_shown(name, key) for name, key in keys.items())
  raise InputError(
    f"{_FLAG}={key}",
    f"is not known to {engine}",
    f"did you mean {near[0]}?" if near else f"it knows {listed}",
  )


def _sbatch_name(written: str) -> str:
  name = written.replace("_", "-")
  if not _SBATCH_NAME.fullmatch(name):
    raise InputError(
      f"{_FLAG}={written}",
      "is no long option of sbatch",
      "write e.g. account=lab or exclusive",
    )
  # sbatch knows none like it.
  if difflib.get_close_matches(_snake(name), [MAX_ARRAY_SIZE], 1, 0.8):
    raise InputError(
      f"{_FLAG}={written}",
      "is no long option of sbatch",
      f"did you mean {MAX_ARRAY_SIZE}?",
    )
  # sbatch takes beginnings of names, too.
  if owned := [own for own in _OWNED if own.startswith(name)]:
    raise InputError(
      f"{_FLAG}={written}", f"--{owned[0]} is the sweep's to set", "drop it"
    )
  return name


def _once(name: str, held: Mapping[str, Any], written: str) -> None:
  if name in held:
    raise InputError(f"{_FLAG}={written}", "is given twice", "give it once")


def _read(
  known: Key, key: str, name: str | None, value: str, is_given: bool
) -> Any:
  """The value of a key of the table; messages do not show secrets."""
  where = f"{_FLAG}={key}"
  if name is not None:
    if not name or (known.is_secret and not _ENV_NAME.fullmatch(name)):
      raise InputError(where, "has no name that can be", f"write {key}NAME=...")
    one_line(_FLAG, name)
  if not is_given and known.is_secret and name is not None:
    if name not in os.environ:
      raise InputError(
        where, f"${name} is not set here", "set it, or give a value"
      )
    value = os.environ[name]
  elif not is_given or not (value or known.is_secret):
    raise InputError(where, "has no value", f"write {key}=VALUE")
  one_line(where, value)
  try:
    return known.read(value)
  except ValueError as error:
    raise InputError(f"{where}={value}", "is not right", str(error)) from None


def _put(
  where: str, content: Any, place: Sequence[str | int], value: Any
) -> None:
  """Puts a value into a tree; maps and lists grow, nothing is laid over."""
  *parents, last = place
  for step in parents:
    if isinstance(step, int):
      content = content[step]
    else:
      content = content.setdefault(step, {})
  if isinstance(value, list):
    content.setdefault(last, []).extend(value)
    return
  held, added = content, {last: value}
  if isinstance(value, dict):
    held, added = content.setdefault(last, {}), value
  if twice := [name for name in added if name in held]:
    raise InputError(
      where, f"{twice[0]} is set already", "give one flag or option for it"
    )
  held |= added
