"""A page in headless Chromium: the system's program, driven by Playwright."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from bgm2pose_jax.base.errors import InputError

if TYPE_CHECKING:
  from playwright.sync_api import Page

NAMES = ("chromium", "chromium-browser", "google-chrome")
HEIGHT = 900


def is_here() -> bool:
  """Whether there are both a browser and Playwright."""
  has_driver = importlib.util.find_spec("playwright") is not None
  return has_driver and any(map(shutil.which, NAMES))


def find(browser: str | None) -> str:
  """Returns the path of a Chromium.

  Args:
    browser: name or path; None takes the first of `NAMES` on PATH.

  Raises:
    InputError: there is none, or nothing to drive it.
  """
  found = [path for name in ((browser,) if browser else NAMES)
           if (path := shutil.which(name))]  # fmt: skip
  if not found:
    raise InputError(
      f"--browser={browser}" if browser else "browser",
      "not found" if browser else f"none of {', '.join(NAMES)} on PATH",
      "install one (Debian: apt install chromium) or give --browser=PATH",
    )
  if importlib.util.find_spec("playwright") is None:
    raise InputError(
      "playwright", "is not installed", 'run pip install -e ".[browser]"'
    )
  return found[0]


@contextlib.contextmanager
def opened(browser: str, width: int, **wishes: Any) -> Iterator[Page]:
  """Gives an empty page in a browser of its own, closed afterwards.

  Args:
    browser: path of the program.
    width: of the window, pixels; below 600 it is a phone.
    **wishes: of the reader, as Playwright names them, e.g. `color_scheme`.
  """
  from playwright.sync_api import sync_playwright

  phone = width < 600
  with sync_playwright() as driver:
    # Chromium's sandbox does not start for the superuser.
    program = driver.chromium.launch(
      executable_path=browser, chromium_sandbox=os.geteuid() != 0
    )
    yield program.new_page(
      viewport={"width": width, "height": HEIGHT},
      device_scale_factor=2 if phone else 1,
      is_mobile=phone,
      has_touch=phone,
      **wishes,
    )
    program.close()


def complaints(page: Page, address: str) -> list[str]:
  """Returns a list that errors and requests of a page are added to.

  Args:
    page: before it is loaded.
    address: the page's own, which it may ask for.
  """
  found: list[str] = []

  def on_console(message: Any) -> None:
    if message.type in ("error", "assert"):
      found.append(f"console error: {message.text}")

  def on_request(request: Any) -> None:
    if request.url != address and not request.url.startswith("data:"):
      found.append(f"request: {request.url}")

  page.on("console", on_console)
  page.on("request", on_request)
  page.on("pageerror", lambda e: found.append(f"exception: {e.name}: {e}"))
  return found
