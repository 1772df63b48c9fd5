"""A way to the coordinator of a run that ends without noise.

JAX's client aborts its process, with a stack of C++ frames, as soon as the
coordinator's connection closes. Through a relay on the own host the client
never sees it close, and `process_watch` has the time to say in one line who is
gone.
"""

from __future__ import annotations

import contextlib
import socket
import threading

_BLOCK = 1 << 16


def start(host: str, port: int) -> int:
  """Starts to hand everything on to an address, until the process ends.

  Args:
    host: name or number.
    port: the port of the host.

  Returns:
    The port on this host's own loopback address that leads there.
  """
  server = socket.create_server(("127.0.0.1", 0))

  def serve() -> None:
    while True:
      near, _ = server.accept()
      # One that takes long to reach must not hold up the next.
      threading.Thread(
        target=_serve_one, args=(near, (host, port)), daemon=True
      ).start()

  threading.Thread(target=serve, name="relay", daemon=True).start()
  return server.getsockname()[1]


def _serve_one(near: socket.socket, there: tuple[str, int]) -> None:
  """Joins a connection to a new one, both ways."""
  try:
    far = socket.create_connection(there)
  except OSError:
    # As below: no answer rather than a closed connection.
    _drop(near)
    return
  for pump in (_near_to_far, _far_to_near):
    threading.Thread(target=pump, args=(near, far), daemon=True).start()


def _near_to_far(near: socket.socket, far: socket.socket) -> None:
  with contextlib.suppress(OSError):
    while block := near.recv(_BLOCK):
      far.sendall(block)
  _drop(near)
  far.close()


def _far_to_near(near: socket.socket, far: socket.socket) -> None:
  # The near side stays open when the far side closes.
  with contextlib.suppress(OSError):
    while block := far.recv(_BLOCK):
      near.sendall(block)


def _drop(near: socket.socket) -> None:
  """Takes what still comes, until the near side closes."""
  with contextlib.suppress(OSError):
    while near.recv(_BLOCK):
      pass
  near.close()
