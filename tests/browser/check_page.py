"""Opens a page in headless Chromium and says whether its player works.

  python -m tests.browser.check_page --screenshot=page.png runs/RUN/report.html
  python -m tests.browser.check_page --window_width=360 prediction.html
  python -m tests.browser.check_page --noplayer runs/SWEEP/tables/report.html

It wants: no error on the console, no exception, no request beyond the file
itself, truth and prediction drawn in their colours (the prediction alone where
a run has no ground truth), a picture that stands still while paused and
changes after a press on play, that keys, mouse and fingers do what they
should, and nothing wider than the window. Exit code 0 when all holds, 1 when
something does not, 2 when there is no page or no browser. Needs a Chromium
(Debian's package `chromium`) and no Python package beside this one.
"""

from __future__ import annotations

import base64
import pathlib
import sys
from collections.abc import Sequence
from typing import Any

from absl import app, flags

from bgm2pose_jax.base import command
from bgm2pose_jax.base.errors import InputError
from tests.browser import chromium_pipe, page_player

_BROWSER = flags.DEFINE_string(
  "browser", None, "name or path (default: the first Chromium on PATH)"
)
_SCREENSHOT = flags.DEFINE_string("screenshot", None, "PNG of the whole page")
_PLAYER = flags.DEFINE_bool(
  "player", True, "the page has a skeleton to play; a sweep's page has none"
)
_WIDTH = flags.DEFINE_integer("window_width", 1100, "pixels", 200)
_DARK = flags.DEFINE_bool("dark", False, "as for a reader who wants it dark")

_HEIGHT = 900


def complaints(tab: chromium_pipe.Tab, page: str) -> list[str]:
  """What the browser reported: errors, exceptions, requests.

  Args:
    tab: with its events.
    page: the page's own address.
  """
  found = []
  for name, event in tab.events:
    if name == "Runtime.exceptionThrown":
      text = chromium_pipe.exception_text(event["exceptionDetails"])
      found.append(f"exception: {text}")
    elif name == "Runtime.consoleAPICalled" and event["type"] in (
      "error",
      "assert",
    ):
      said = [str(a.get("value", a.get("type"))) for a in event["args"]]
      found.append(f"console error: {' '.join(said)}")
    elif name == "Log.entryAdded" and event["entry"]["level"] == "error":
      found.append(f"console error: {event['entry']['text']}")
    elif name == "Network.requestWillBeSent":
      url = event["request"]["url"]
      if url != page and not url.startswith("data:"):
        found.append(f"request: {url}")
  return found


def _show(tab: chromium_pipe.Tab, width: int) -> None:
  """Gives the window its width; below 600 pixels it is a phone."""
  phone = width < 600
  tab.send(
    "Emulation.setDeviceMetricsOverride",
    width=width,
    height=_HEIGHT,
    deviceScaleFactor=2 if phone else 1,
    mobile=phone,
  )
  if phone:
    tab.send(
      "Emulation.setTouchEmulationEnabled", enabled=True, maxTouchPoints=5
    )
  features = [{"name": "prefers-reduced-motion", "value": "reduce"}]
  if _DARK.value:
    features.append({"name": "prefers-color-scheme", "value": "dark"})
  tab.send("Emulation.setEmulatedMedia", features=features)


def check(
  browser: str,
  path: pathlib.Path,
  screenshot: str | None,
  width: int,
  player: bool = True,
) -> tuple[list[str], dict[str, Any]]:
  """Opens a page and looks at it.

  Args:
    browser: path of the program.
    path: of the page.
    screenshot: PNG to write, or None.
    width: of the window, pixels.
    player: the page has one.

  Returns:
    What is wrong, and what was counted.
  """
  address = path.resolve().as_uri()
  with chromium_pipe.open_tab(browser, width, _HEIGHT) as tab:
    for domain in ("Page", "Runtime", "Log", "Network"):
      tab.send(f"{domain}.enable")
    _show(tab, width)
    wrong: list[str] = []
    seen: dict[str, Any] = {}
    if not tab.load(address, 30):
      wrong = ["the page did not load in 30 s"]
    elif player:
      try:
        wrong, seen = page_player.look(tab)
      except RuntimeError as error:
        wrong = [f"the player does not work: {error}"]
      wide = tab.evaluate("document.documentElement.scrollWidth")
      if wide > width:
        wrong.append(f"{wide} pixels wide in a window of {width}")
    if screenshot is not None:
      size = tab.send("Page.getLayoutMetrics")["cssContentSize"]
      shot = tab.send(
        "Page.captureScreenshot",
        captureBeyondViewport=True,
        clip={**size, "scale": 1},
      )
      pathlib.Path(screenshot).write_bytes(base64.b64decode(shot["data"]))
    return complaints(tab, address) + wrong, seen


def main(argv: Sequence[str]) -> None:
  """Checks the page named on the command line."""
  if len(argv) != 2:
    raise app.UsageError("name one report page; see --help")
  path = pathlib.Path(argv[1])
  with command.ending():
    if not path.is_file():
      raise InputError(path, "no such page", "give a run's report.html")
    browser = chromium_pipe.find(_BROWSER.value)
  wrong, seen = check(
    browser, path, _SCREENSHOT.value, _WIDTH.value, _PLAYER.value
  )
  counts = ", ".join(f"{name} {count}" for name, count in seen.items())
  print(f"{path}: {'not in order' if wrong else 'in order'}")
  print(f"pixels drawn or changed: {counts or 'none'}")
  for text in wrong:
    print(f"- {text}")
  sys.exit(1 if wrong else 0)


if __name__ == "__main__":
  app.run(main)
