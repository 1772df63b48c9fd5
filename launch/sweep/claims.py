"""Who does a job: a file that only one process can make.

The first process to create `claims/<job>.json` has the job, and touches the
file while it works. A claim is stale when its process is dead (on this host)
or has not touched it for `STALE_S`. The next owner does not replace a stale
claim, for two processes could do so one after the other: it creates
`claims/<job>.json.<token of the stale one>`, which again only one can. So the
claims of a job form a chain, and its last link is the owner's. Releasing
removes them all. Creating a file that must not exist is the only thing asked
of the file system.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import pathlib
import platform
import time
import uuid
from typing import Any

HEARTBEAT_S = 10.0
STALE_S = 120.0


@dataclasses.dataclass(frozen=True)
class Link:
  """A claim as found on disk.

  Attributes:
    path: its file.
    record: host, pid, pid namespace, token, and time of claiming in seconds
      since 1970.
    touched: time of the last heartbeat, by the file system's clock.
  """

  path: pathlib.Path
  record: dict[str, Any]
  touched: float


@dataclasses.dataclass(frozen=True)
class Claim:
  """A job that is ours.

  Attributes:
    first: path of the chain's first file.
    path: our own file.
    token: our own token.
  """

  first: pathlib.Path
  path: pathlib.Path
  token: str

  def heartbeat(self) -> bool:
    """Says that we live; returns False when somebody took the job over."""
    if (link := _last(self.first)) is None or link.path != self.path:
      return False
    with contextlib.suppress(FileNotFoundError):
      os.utime(self.path)
    return True

  def release(self) -> None:
    """Gives the job back, unless it is somebody else's by now."""
    if (link := _last(self.first)) is None or link.path != self.path:
      return
    later = sorted(self.first.parent.glob(f"{self.first.name}.*"))
    # The first file goes first: without it nobody follows the others.
    for path in (self.first, *later):
      path.unlink(missing_ok=True)


def take(folder: pathlib.Path, job: str) -> Claim | None:
  """Claims a job.

  Args:
    folder: the folder of the sweep's claims.
    job: name of the job.

  Returns:
    The claim, or None when another process has the job.
  """
  first = folder / f"{job}.json"
  link = _last(first)
  if link is not None and is_live(link):
    return None
  path = first if link is None else _successor(first, link.record["token"])
  token = uuid.uuid4().hex
  record = {**_ourselves(), "time": time.time(), "token": token}
  try:
    with path.open("x", encoding="utf-8") as file:
      json.dump(record, file)
  except FileExistsError:
    return None
  claim = Claim(first, path, token)
  if not claim.heartbeat():
    # Meanwhile the stale claim was taken over, worked off and released.
    path.unlink(missing_ok=True)
    return None
  return claim


def owner(folder: pathlib.Path, job: str) -> dict[str, Any] | None:
  """Returns the record of the process that does a job now, or None."""
  link = _last(folder / f"{job}.json")
  return link.record if link is not None and is_live(link) else None


def is_live(link: Link) -> bool:
  """Whether a claim's owner still works, as far as can be told from here."""
  here = _ourselves()
  if all(link.record.get(k) == here[k] for k in ("host", "namespace")):
    try:
      os.kill(int(link.record["pid"]), 0)
    except ProcessLookupError:
      return False
    except PermissionError:
      pass  # it lives and is another user's
  return _now(link.path.parent) - link.touched < STALE_S


def _ourselves() -> dict[str, Any]:
  # Containers may share a host's name and yet count processes by themselves.
  namespace = ""
  with contextlib.suppress(OSError):
    namespace = os.readlink("/proc/self/ns/pid")
  return {"host": platform.node(), "pid": os.getpid(), "namespace": namespace}


def _now(folder: pathlib.Path) -> float:
  """The file system's clock: hosts' own clocks may differ by minutes."""
  probe = folder / f".clock-{uuid.uuid4().hex}"
  probe.touch()
  try:
    return probe.stat().st_mtime
  finally:
    probe.unlink()


def _successor(first: pathlib.Path, token: str) -> pathlib.Path:
  return first.with_name(f"{first.name}.{token}")


def _last(first: pathlib.Path) -> Link | None:
  link, path = None, first
  while (found := _read(path)) is not None:
    link, path = found, _successor(first, found.record["token"])
  return link


def _read(path: pathlib.Path) -> Link | None:
  try:
    touched = path.stat().st_mtime
    text = path.read_text(encoding="utf-8")
  except FileNotFoundError:
    return None
  record: Any = None
  with contextlib.suppress(ValueError):
    record = json.loads(text)
  if not isinstance(record, dict) or not {"pid", "token"} <= record.keys():
    # Its maker was killed between creating and writing, or is just writing.
    record = {"host": "unknown", "pid": 0, "token": "torn", "time": touched}
  return Link(path, record, touched)
