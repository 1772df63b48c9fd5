"""Opens a report page in headless Chromium and says whether it works.

  python launch/check_page.py --screenshot=page.png runs/RUN/report.html
  python launch/check_page.py --noplayer runs/SWEEP/tables/report.html

It wants: no error on the console, no exception, no request beyond the file
itself, truth and prediction drawn in their colours (the prediction alone where
a run has no ground truth), and a picture that stands still while paused and
changes after a press on play. Exit code 0 when all holds, 1 when something
does not, 2 when there is no page or no browser. Needs a Chromium (Debian's
package `chromium`) and no Python package beside this one.
"""

from __future__ import annotations

import base64
import pathlib
import sys
from collections.abc import Sequence
from typing import Any

import chromium_pipe
from absl import app, flags

from bgm2pose_jax.errors import InputError

_BROWSER = flags.DEFINE_string(
  "browser", None, "name or path (default: the first Chromium on PATH)"
)
_SCREENSHOT = flags.DEFINE_string("screenshot", None, "PNG of the whole page")
_PLAYER = flags.DEFINE_bool(
  "player", True, "the page has a skeleton to play; a sweep's page has none"
)
_WIDTH = flags.DEFINE_integer("window_width", 1100, "pixels", 200)

# Fewer pixels than this are dust: a thin bone alone has some hundreds.
_FEW = 60

# Counts pixels of a colour below the lines of text at the top, and keeps
# pictures to compare.
_HELPERS = """
window.pageCheck = {
  kept: null,
  pixels() {
    const view = document.getElementById("view");
    return view.getContext("2d").getImageData(0, 0, view.width, view.height);
  },
  keep() { this.kept = this.pixels().data; },
  changed() {
    const now = this.pixels().data;
    let count = 0;
    for (let i = 0; i < now.length; i += 4) {
      if (now[i] !== this.kept[i] || now[i + 1] !== this.kept[i + 1] ||
          now[i + 2] !== this.kept[i + 2]) count++;
    }
    return count;
  },
  coloured(name) {
    const style = getComputedStyle(document.documentElement);
    const dot = document.createElement("canvas").getContext("2d");
    dot.fillStyle = style.getPropertyValue("--" + name).trim();
    dot.fillRect(0, 0, 1, 1);
    const wanted = dot.getImageData(0, 0, 1, 1).data;
    const {data, width} = this.pixels();
    const ratio = window.devicePixelRatio || 1;
    let count = 0;
    for (let i = 4 * width * Math.round(60 * ratio); i < data.length; i += 4) {
      if (data[i + 3] < 128) continue;
      const away = Math.abs(data[i] - wanted[0]) +
        Math.abs(data[i + 1] - wanted[1]) + Math.abs(data[i + 2] - wanted[2]);
      if (away < 48) count++;
    }
    return count;
  },
  press(wanted) {
    const button = document.getElementById("play");
    if (button.textContent.trim() === wanted) button.click();
  },
  rewind() {
    const scrub = document.getElementById("scrub");
    scrub.value = "0";
    scrub.dispatchEvent(new Event("input"));
  },
};
JSON.parse(document.getElementById("data").textContent).target !== ""
"""


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


def look(tab: chromium_pipe.Tab) -> tuple[list[str], dict[str, Any]]:
  """Watches the player.

  Args:
    tab: with the page loaded.

  Returns:
    What is wrong, and what was counted.
  """
  has_truth = tab.evaluate(_HELPERS)
  wrong = []
  seen: dict[str, Any] = {}
  tab.evaluate("pageCheck.press('Pause'); pageCheck.rewind(); 0")
  for name in ("truth", "pred") if has_truth else ("pred",):
    seen[name] = tab.evaluate(f"pageCheck.coloured('{name}')")
    if seen[name] < _FEW:
      wrong.append(f"{name} is not drawn: {seen[name]} pixels of its colour")
  tab.evaluate("pageCheck.keep(); 0")
  tab.wait(0.3)
  seen["paused"] = tab.evaluate("pageCheck.changed()")
  if seen["paused"]:
    wrong.append(f"paused, yet {seen['paused']} pixels changed")
  tab.evaluate("pageCheck.press('Play'); 0")
  tab.wait(1.0)
  seen["playing"] = tab.evaluate("pageCheck.changed()")
  if seen["playing"] < _FEW:
    wrong.append(f"playing, but only {seen['playing']} pixels changed")
  tab.evaluate("pageCheck.press('Pause'); 0")
  return wrong, seen


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
  with chromium_pipe.open_tab(browser, width, 900) as tab:
    for domain in ("Page", "Runtime", "Log", "Network"):
      tab.send(f"{domain}.enable")
    wrong: list[str] = []
    seen: dict[str, Any] = {}
    if not tab.load(address, 30):
      wrong = ["the page did not load in 30 s"]
    elif player:
      try:
        wrong, seen = look(tab)
      except RuntimeError as error:
        wrong = [f"the player does not work: {error}"]
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
  try:
    if not path.is_file():
      raise InputError(path, "no such page", "give a run's report.html")
    browser = chromium_pipe.find(_BROWSER.value)
  except InputError as error:
    print(f"error: {error}", file=sys.stderr)
    sys.exit(2)
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
