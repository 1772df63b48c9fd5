"""Drives headless Chromium over its debugging pipe, standard library alone.

`--remote-debugging-pipe` makes the browser read JSON commands from descriptor
3 and write answers and events to descriptor 4, each ended by a zero byte
(https://chromedevtools.github.io/devtools-protocol/).
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import select
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import Any

from bgm2pose_jax.base.errors import InputError

NAMES = ("chromium", "chromium-browser", "google-chrome")
_ANSWER_S = 60.0


def find(browser: str | None) -> str:
  """Returns the path of a Chromium.

  Args:
    browser: name or path; None takes the first of `NAMES` on PATH.

  Raises:
    InputError: there is none.
  """
  for name in (browser,) if browser else NAMES:
    path = shutil.which(name)
    if path:
      return path
  raise InputError(
    f"--browser={browser}" if browser else "browser",
    "not found" if browser else f"none of {', '.join(NAMES)} on PATH",
    "install one (Debian: apt install chromium) or give --browser=PATH",
  )


class Tab:
  """One open tab.

  Attributes:
    events: (method, parameters) that the tab sent so far.
  """

  def __init__(self, to_browser: int, from_browser: int):
    self._write, self._read = to_browser, from_browser
    self._buffer = b""
    self._number = 0
    self._session: str | None = None
    self.events: list[tuple[str, dict[str, Any]]] = []
    target = self.send("Target.createTarget", url="about:blank")["targetId"]
    self._session = self.send(
      "Target.attachToTarget", targetId=target, flatten=True
    )["sessionId"]

  def send(self, method: str, **parameters: Any) -> dict[str, Any]:
    """Sends a command and returns its answer.

    Args:
      method: e.g. `Page.navigate`.
      **parameters: of the command.

    Raises:
      RuntimeError: the browser refused, ended or did not answer.
    """
    self._number += 1
    command = {"id": self._number, "method": method, "params": parameters}
    if self._session is not None:
      command["sessionId"] = self._session
    os.write(self._write, json.dumps(command).encode() + b"\0")
    end = time.monotonic() + _ANSWER_S
    while time.monotonic() < end:
      for message in self._messages(end - time.monotonic()):
        if message.get("id") != self._number:
          self._keep(message)
        elif "error" in message:
          raise RuntimeError(f"{method}: {message['error']['message']}")
        else:
          return message["result"]
    raise RuntimeError(f"{method}: no answer in {_ANSWER_S:.0f} s")

  def load(self, url: str, seconds: float) -> bool:
    """Goes to an address and waits for its document, scripts included.

    Args:
      url: of the page.
      seconds: to wait at most.

    Returns:
      Whether it loaded in time.
    """
    self.send("Page.setLifecycleEventsEnabled", enabled=True)
    # A late event of the blank page before it must not be taken for this one.
    loader = self.send("Page.navigate", url=url).get("loaderId")

    def loaded(name: str, event: dict[str, Any]) -> bool:
      return name == "Page.lifecycleEvent" and (
        event["loaderId"],
        event["name"],
      ) == (loader, "load")

    return self.wait(seconds, loaded)

  def wait(
    self,
    seconds: float,
    until: Callable[[str, dict[str, Any]], bool] | None = None,
  ) -> bool:
    """Collects events for a while.

    Args:
      seconds: at most.
      until: (method, parameters) -> whether this event ends the wait.

    Returns:
      Whether such an event came.
    """
    end = time.monotonic() + seconds
    while True:
      if until is not None and any(until(*event) for event in self.events):
        return True
      left = end - time.monotonic()
      if left <= 0:
        return False
      for message in self._messages(left):
        self._keep(message)

  def evaluate(self, expression: str) -> Any:
    """Returns the JSON value of a JavaScript expression in the page.

    Args:
      expression: may be a promise.

    Raises:
      RuntimeError: it threw.
    """
    answer = self.send(
      "Runtime.evaluate",
      expression=expression,
      awaitPromise=True,
      returnByValue=True,
    )
    if "exceptionDetails" in answer:
      raise RuntimeError(exception_text(answer["exceptionDetails"]))
    return answer["result"].get("value")

  def _keep(self, message: dict[str, Any]) -> None:
    if "method" in message and message.get("sessionId") == self._session:
      self.events.append((message["method"], message["params"]))

  def _messages(self, seconds: float) -> list[dict[str, Any]]:
    """Whole messages that came, waiting for the first of them."""
    if not select.select([self._read], [], [], max(0.0, seconds))[0]:
      return []
    part = os.read(self._read, 2**20)
    if not part:
      raise RuntimeError("the browser ended")
    *whole, self._buffer = (self._buffer + part).split(b"\0")
    return [json.loads(text) for text in whole]


def exception_text(details: dict[str, Any]) -> str:
  """One line for an exception that the page threw."""
  thrown = details.get("exception", {})
  text = thrown.get("description") or thrown.get("value") or details["text"]
  return " ".join(str(text).split())


@contextlib.contextmanager
def open_tab(browser: str, width: int, height: int) -> Iterator[Tab]:
  """Starts a browser of its own and closes it afterwards.

  Args:
    browser: path of the program.
    width: of the window, pixels.
    height: of the window, pixels.
  """
  command = [
    browser,
    "--headless",
    "--remote-debugging-pipe",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--no-first-run",
    f"--window-size={width},{height}",
  ]
  if os.geteuid() == 0:
    # Chromium's sandbox does not start for the superuser.
    command.append("--no-sandbox")
  with contextlib.ExitStack() as stack:
    folder = stack.enter_context(
      tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
    )
    command += [f"--user-data-dir={folder}", "about:blank"]
    child_reads, to_browser = _pipe(stack)
    from_browser, child_writes = _pipe(stack)
    actions = [
      (os.POSIX_SPAWN_DUP2, child_reads, 3),
      (os.POSIX_SPAWN_DUP2, child_writes, 4),
      (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
      (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
    ]
    process = os.posix_spawn(browser, command, os.environ, file_actions=actions)
    stack.callback(_end, process)
    # Only the browser holds these ends now, so its end is seen here.
    os.close(child_reads)
    os.close(child_writes)
    tab = Tab(to_browser, from_browser)
    yield tab
    with contextlib.suppress(RuntimeError, BrokenPipeError):
      tab.send("Browser.close")


def _pipe(stack: contextlib.ExitStack) -> tuple[int, int]:
  """A pipe whose numbers cannot be 3 or 4; (read end, write end)."""
  ends = []
  for end in os.pipe():
    ends.append(fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10))
    os.close(end)
  for end in ends:
    stack.callback(_close, end)
  return ends[0], ends[1]


def _close(descriptor: int) -> None:
  with contextlib.suppress(OSError):
    os.close(descriptor)


def _end(process: int, patience_s: float = 5.0) -> None:
  """Waits for a process of ours to end, then makes it."""
  end = time.monotonic() + patience_s
  while time.monotonic() < end:
    if os.waitpid(process, os.WNOHANG)[0]:
      return
    time.sleep(0.05)
  os.kill(process, signal.SIGKILL)
  os.waitpid(process, 0)
