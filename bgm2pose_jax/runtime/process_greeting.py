"""How the processes of a run find each other, among strangers.

Process 0 listens where the command says. Whoever connects has a few seconds to
greet; all are heard at once, so that one who is silent holds up nobody. A
secret that all processes were given shows who belongs to the run: each side
sends what only its holder can compute, never the secret itself.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import hmac
import json
import selectors
import socket
import time

_GREETING, _LONGEST_GREETING = "bgm2pose_jax-watch-1", 200
_GREETING_S, _RETRY_S = 5.0, 0.2
# Of those who have yet to greet; the ones that wait longest go first.
_MOST_WAITING = 128


@dataclasses.dataclass
class _Caller:
  """Somebody who has connected and not yet greeted."""

  link: socket.socket
  until: float
  said: bytes = b""


def proof(token: str, text: str) -> str:
  """Returns what only a holder of the secret can say beside a text.

  Args:
    token: the secret of the run's processes.
    text: what is said.
  """
  return hmac.new(token.encode(), text.encode(), hashlib.sha256).hexdigest()


def listen(port: int) -> socket.socket:
  """Opens process 0's side.

  Args:
    port: the port, on every address of this host.

  Raises:
    OSError: it is taken.
  """
  if socket.has_dualstack_ipv6():
    return socket.create_server(
      ("", port), family=socket.AF_INET6, dualstack_ipv6=True
    )
  return socket.create_server(("", port))


def accept(
  server: socket.socket,
  count: int,
  told: int,
  seconds: float,
  token: str | None = None,
) -> dict[int, socket.socket]:
  """Waits for all other processes; strangers are turned away.

  Args:
    server: the server from `listen`, closed afterwards.
    count: the number of processes.
    told: number that all are told once they are there.
    seconds: how long to wait at most, whatever anybody sends.
    token: the secret of the run's processes; without one a greeting of the
      right form is enough.

  Returns:
    Connections by process.

  Raises:
    TimeoutError: somebody did not come.
  """
  links: dict[int, socket.socket] = {}
  until = time.monotonic() + seconds
  with server, selectors.DefaultSelector() as ready:
    server.setblocking(False)
    ready.register(server, selectors.EVENT_READ)
    waiting: dict[socket.socket, _Caller] = {}
    strangers = 0

    def drop(link: socket.socket) -> None:
      ready.unregister(link)
      del waiting[link]

    while missing := sorted(set(range(1, count)) - links.keys()):
      now = time.monotonic()
      late = [link for link, caller in waiting.items() if caller.until < now]
      late += list(waiting)[: max(0, len(waiting) - _MOST_WAITING)]
      for link in dict.fromkeys(late):
        drop(link)
        link.close()
      if now >= until:
        for link in (*waiting, *links.values()):
          link.close()
        turned = f", {strangers} strangers were" if strangers else ""
        raise TimeoutError(
          f"process {missing[0]} was not there in {seconds:.0f} s{turned}"
        )
      ends = [until, *(caller.until for caller in waiting.values())]
      for key, _ in ready.select(max(0.0, min(ends) - now)):
        link = key.fileobj
        assert isinstance(link, socket.socket)
        if link is server:
          with contextlib.suppress(OSError):
            new, _ = server.accept()
            new.setblocking(False)
            ready.register(new, selectors.EVENT_READ)
            waiting[new] = _Caller(new, time.monotonic() + _GREETING_S)
        elif link in waiting and _has_greeted(waiting[link]):
          said = waiting[link].said
          drop(link)
          index = _greeted(link, said, count, links, token)
          if index is None:
            strangers += 1
            link.close()
          else:
            link.settimeout(None)
            links[index] = link
    for link in waiting:
      link.close()
  answer: dict[str, object] = {"told": told}
  if token:
    answer["proof"] = proof(token, f"told {told}")
  for link in links.values():
    with contextlib.suppress(OSError):  # missed as soon as it is watched
      link.sendall(json.dumps(answer).encode() + b"\n")
  return links


def _has_greeted(caller: _Caller) -> bool:
  """Takes what has come; whether it is a whole line, too much, or the end."""
  try:
    block = caller.link.recv(_LONGEST_GREETING)
  except BlockingIOError:
    return False
  except OSError:
    block = b""
  caller.said += block
  return (
    not block
    or caller.said.endswith(b"\n")
    or len(caller.said) >= _LONGEST_GREETING
  )


def _greeted(
  link: socket.socket,
  said: bytes,
  count: int,
  links: dict[int, socket.socket],
  token: str | None,
) -> int | None:
  """Whose connection it is; None for one that was turned away."""
  match said.decode("ascii", "replace").split():
    case [name, index, of, *rest] if name == _GREETING and index.isdecimal():
      own = proof(token, f"{name} {index} {of}") if token else ""
      if not hmac.compare_digest(" ".join(rest).encode(), own.encode()):
        return None  # nothing is told to whoever has not the secret
      if of != str(count):
        reason = f"process 0 was given --processes={count}, not {of}"
      elif not 0 < int(index) < count or int(index) in links:
        reason = f"there is another process {index}"
      else:
        return int(index)
      with contextlib.suppress(OSError):
        link.sendall(json.dumps({"refused": reason}).encode() + b"\n")
  return None


def dial(
  host: str,
  port: int,
  index: int,
  count: int,
  seconds: float,
  token: str | None = None,
) -> tuple[dict[int, socket.socket], int]:
  """Connects to process 0, and waits until all have.

  Args:
    host: the host of process 0.
    port: the port that it listens at.
    index: the index of this process.
    count: the number of processes.
    seconds: how long to wait at most.
    token: the secret of the run's processes, where they have one.

  Returns:
    {0: connection}, and the number that process 0 tells.

  Raises:
    OSError: it cannot be reached, turns this process away, or does not have
      the secret.
  """
  until = time.monotonic() + seconds
  while True:
    try:
      link = socket.create_connection((host, port), timeout=_GREETING_S)
      break
    except OSError as error:
      if time.monotonic() > until:
        raise TimeoutError(
          f"process 0 was not there in {seconds:.0f} s"
        ) from error
      time.sleep(_RETRY_S)
  words = f"{_GREETING} {index} {count}"
  own = f" {proof(token, words)}" if token else ""
  try:
    link.sendall(f"{words}{own}\n".encode())
    # Process 0 gives up first, and closes.
    said = _answer(link, time.monotonic() + seconds + _GREETING_S)
    if "refused" in said:
      raise ConnectionError(said["refused"])
    if token and not hmac.compare_digest(
      str(said.get("proof")).encode(),
      proof(token, f"told {said['told']}").encode(),
    ):
      raise ConnectionError("who answers there has not the run's token")
  except BaseException:
    link.close()
    raise
  link.settimeout(None)
  return {0: link}, int(said["told"])


def _answer(link: socket.socket, until: float) -> dict:
  """Process 0's one line, by a time."""
  found = b""
  while len(found) < _LONGEST_GREETING and not found.endswith(b"\n"):
    link.settimeout(max(0.01, until - time.monotonic()))
    byte = link.recv(1)  # nothing of what comes after the line
    if not byte:
      raise ConnectionError(
        "process 0 has ended, or was given another token than this one"
      )
    found += byte
  try:
    said = json.loads(found)
    if "refused" not in said:
      int(said["told"])
  except (ValueError, KeyError, TypeError) as error:
    raise ConnectionError("somebody else answers there") from error
  return said
