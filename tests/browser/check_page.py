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
(Debian's package `chromium`) and Playwright (`pip install -e ".[browser]"`).
"""

from __future__ import annotations

import pathlib
import sys
from collections.abc import Sequence
from typing import Any

from absl import app, flags

from bgm2pose_jax.base import command
from bgm2pose_jax.base.errors import InputError
from tests.browser import chromium, page_player

_BROWSER = flags.DEFINE_string(
  "browser", None, "name or path (default: the first Chromium on PATH)"
)
_SCREENSHOT = flags.DEFINE_string("screenshot", None, "PNG of the whole page")
_PLAYER = flags.DEFINE_bool(
  "player", True, "the page has a skeleton to play; a sweep's page has none"
)
_WIDTH = flags.DEFINE_integer("window_width", 1100, "pixels", 200)
_DARK = flags.DEFINE_bool("dark", False, "as for a reader who wants it dark")
_FORCED = flags.DEFINE_bool(
  "forced_colours", False, "as for a reader whose system sets the colours"
)


def check(
  browser: str,
  path: pathlib.Path,
  screenshot: str | None,
  width: int,
  player: bool = True,
  dark: bool = False,
  forced: bool = False,
) -> tuple[list[str], dict[str, Any]]:
  """Opens a page and looks at it.

  Args:
    browser: path of the program.
    path: of the page.
    screenshot: PNG to write, or None.
    width: of the window, pixels.
    player: the page has one.
    dark: the reader wants it dark.
    forced: the reader's system sets the colours.

  Returns:
    What is wrong, and what was counted.
  """
  from playwright.sync_api import Error

  address = path.resolve().as_uri()
  wrong: list[str] = []
  seen: dict[str, Any] = {}
  with chromium.opened(
    browser,
    width,
    reduced_motion="reduce",
    color_scheme="dark" if dark else "light",
    forced_colors="active" if forced else "none",
  ) as page:
    complaints = chromium.complaints(page, address)
    try:
      page.goto(address)
      if player:
        wrong, seen = page_player.look(page)
    except Error as error:
      wrong = [f"the player does not work: {error}"]
    wide = page.evaluate("document.documentElement.scrollWidth")
    if player and wide > width:
      wrong.append(f"{wide} pixels wide in a window of {width}")
    if screenshot is not None:
      page.screenshot(path=screenshot, full_page=True)
  return complaints + wrong, seen


def main(argv: Sequence[str]) -> None:
  """Checks the page named on the command line."""
  if len(argv) != 2:
    raise app.UsageError("name one report page; see --help")
  path = pathlib.Path(argv[1])
  with command.ending():
    if not path.is_file():
      raise InputError(path, "no such page", "give a run's report.html")
    browser = chromium.find(_BROWSER.value)
    wrong, seen = check(
      browser, path, _SCREENSHOT.value, _WIDTH.value, _PLAYER.value,
      _DARK.value, _FORCED.value,
    )  # fmt: skip
  counts = ", ".join(f"{name} {count}" for name, count in seen.items())
  print(f"{path}: {'not in order' if wrong else 'in order'}")
  print(f"pixels drawn or changed: {counts or 'none'}")
  for text in wrong:
    print(f"- {text}")
  sys.exit(1 if wrong else 0)


if __name__ == "__main__":
  command.start(main)
