"""A page with the moving skeleton, for browsers on this machine.

Whoever is slow misses frames and holds nothing up: frames wait in a short
line for each browser, and the newest win.
"""

from __future__ import annotations

import asyncio
import collections
import contextlib
import http
import logging
import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from bgm2pose_jax.base.errors import InputError

DEFAULT_PORT = 8765
LOOPBACK = "127.0.0.1"
MOST_CLIENTS = 8
# Two seconds of frames wait for a browser.
_WAITING = 40
_NEAR = frozenset(("127.0.0.1", "localhost", "::1"))
_START_S = 10.0


def load_websockets() -> Any:
  """The package that speaks to browsers.

  Raises:
    InputError: it is not there.
  """
  try:
    import websockets.asyncio.server
    import websockets.exceptions
  except ImportError:
    raise InputError(
      "--serve",
      "needs the package websockets, 14 or newer",
      "pip install -e '.[live]', or leave --serve out",
    ) from None
  return websockets


class PageServer:
  """Serves one page and the frames behind it."""

  def __init__(self, page: str, port: int, host: str = LOOPBACK):
    """Begins to serve.

    Args:
      page: HTML.
      port: the port to listen on; 0 takes a free one.
      host: address to listen on; another than the default lets others in.

    Raises:
      InputError: the package is missing, or the port is not free.
    """
    self._library = load_websockets()
    self._page, self._host = page.encode(), host
    self._is_near = host in _NEAR
    self._first: str | None = None
    self._clients: set[_Client] = set()
    self._waiting: collections.deque[str] = collections.deque(maxlen=_WAITING)
    self._is_woken = False
    self._lock = threading.Lock()
    self._loop = asyncio.new_event_loop()
    self._done = asyncio.Event()
    self._ready = threading.Event()
    self._error: OSError | None = None
    self.port = port
    self._thread = threading.Thread(target=self._run, name="page", daemon=True)
    self._thread.start()
    self._ready.wait(_START_S)
    if self._error is not None:
      raise InputError(
        f"--serve={port}",
        f"cannot be listened on at {host} ({self._error.strerror})",
        "give another port, e.g. --serve=0 for a free one",
      )

  @property
  def address(self) -> str:
    """Where the page is."""
    host = f"[{self._host}]" if ":" in self._host else self._host
    return f"http://{host}:{self.port}/"

  def begin(self, line: str) -> None:
    """Says to every browser, now and later, what frames are like."""
    self._first = line
    self.send(line)

  def send(self, line: str) -> None:
    """Sends a line to every browser; never waits."""
    with self._lock:
      self._waiting.append(line)
      if self._is_woken:
        return
      self._is_woken = True
    self._call(self._hand_on)

  def stop(self) -> None:
    """Serves no more."""
    self._call(self._done.set)
    self._thread.join(2.0)

  def _call(self, body: Callable[[], object]) -> None:
    if not self._loop.is_closed():
      self._loop.call_soon_threadsafe(body)

  def _hand_on(self) -> None:
    with self._lock:
      lines = list(self._waiting)
      self._waiting.clear()
      self._is_woken = False
    for client in self._clients:
      client.put(lines)

  def _run(self) -> None:
    try:
      self._loop.run_until_complete(self._serve())
    finally:
      self._ready.set()
      self._loop.close()

  async def _serve(self) -> None:
    # What a stranger's broken request is worth to say is said by its answer.
    quiet = logging.getLogger("bgm2pose_jax.systems.bgm2pose.stream.page")
    quiet.setLevel(logging.CRITICAL)
    serving = self._library.asyncio.server.serve(
      self._client,
      self._host,
      self.port,
      process_request=self._answer,
      compression=None,
      max_size=1024,
      max_queue=1,
      write_limit=1 << 16,
      close_timeout=1,
      logger=quiet,
    )
    try:
      async with serving as server:
        self.port = next(iter(server.sockets)).getsockname()[1]
        self._ready.set()
        await self._done.wait()
    except OSError as error:
      self._error = error

  def _answer(self, connection: Any, request: Any) -> Any:
    """Answers a request; None lets a browser in for frames."""
    path = urlsplit(request.path).path
    host = request.headers.get("Host", "")
    origin = request.headers.get("Origin")
    if not self._may_ask(host, origin):
      return connection.respond(
        http.HTTPStatus.FORBIDDEN, "this page is for its own machine only\n"
      )
    if path == "/frames":
      if len(self._clients) >= MOST_CLIENTS:
        return connection.respond(
          http.HTTPStatus.SERVICE_UNAVAILABLE,
          f"{MOST_CLIENTS} browsers are looking already\n",
        )
      return None
    if path != "/":
      return connection.respond(http.HTTPStatus.NOT_FOUND, "no such page\n")
    response = connection.respond(http.HTTPStatus.OK, "")
    response.body = self._page
    for name in ("Content-Type", "Content-Length"):
      del response.headers[name]
    response.headers["Content-Type"] = "text/html; charset=utf-8"
    response.headers["Content-Length"] = str(len(self._page))
    response.headers["Cache-Control"] = "no-store"
    return response

  def _may_ask(self, host: str, origin: str | None) -> bool:
    """Whether a page elsewhere has nothing to do with a request.

    Browsers say from which page they ask, and by which name they came here;
    programs without a page say no origin.
    """
    named = _hostname(f"//{host}")
    if self._is_near and named not in _NEAR:
      return False
    if origin is None:
      return True
    asking = _hostname(origin)
    return asking in _NEAR if self._is_near else asking == named

  async def _client(self, connection: Any) -> None:
    if len(self._clients) >= MOST_CLIENTS:
      return  # they came at once
    client = _Client()
    self._clients.add(client)
    sending = asyncio.ensure_future(self._send_to(connection, client))
    try:
      await connection.wait_closed()
    finally:
      self._clients.discard(client)
      sending.cancel()
      await asyncio.wait([sending])

  async def _send_to(self, connection: Any, client: _Client) -> None:
    # Browsers come and go.
    with contextlib.suppress(self._library.exceptions.ConnectionClosed):
      if self._first is not None:
        await connection.send(self._first)
      while True:
        await connection.send(await client.take())


class _Client:
  """The line of frames that waits for one browser."""

  def __init__(self):
    self._lines: collections.deque[str] = collections.deque(maxlen=_WAITING)
    self._filled = asyncio.Event()

  def put(self, lines: list[str]) -> None:
    self._lines.extend(lines)
    self._filled.set()

  async def take(self) -> str:
    while not self._lines:
      self._filled.clear()
      await self._filled.wait()
    return self._lines.popleft()


def _hostname(address: str) -> str | None:
  try:
    return urlsplit(address).hostname
  except ValueError:
    return None
