"""Uses the player of an open page as a reader would, and looks at the picture.

Everything goes through the browser's own events: keys, mouse, fingers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
  from playwright.sync_api import Page

# Fewer pixels than this are dust: a thin bone alone has some hundreds.
FEW = 60

# Counts pixels of a colour below the lines of text at the top, and keeps
# pictures to compare.
_HELPERS = """
window.pageCheck = {
  kept: null,
  pixels(id = "view") {
    const view = document.getElementById(id);
    return view.getContext("2d").getImageData(0, 0, view.width, view.height);
  },
  keep(id) { this.kept = this.pixels(id).data; },
  changed(id) {
    const now = this.pixels(id).data;
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
  frame() { return +document.getElementById("scrub").value; },
  scrub(value) {
    const scrub = document.getElementById("scrub");
    scrub.value = String(value);
    scrub.dispatchEvent(new Event("input"));
  },
  colour(value) {
    const list = document.getElementById("colour");
    list.value = value;
    list.dispatchEvent(new Event("change"));
  },
  place(id, x, y) {
    const element = document.getElementById(id);
    element.scrollIntoView({ block: "center", behavior: "instant" });
    const box = element.getBoundingClientRect();
    return [box.left + x * box.width, box.top + y * box.height];
  },
};
0
"""
_TARGET = """
JSON.parse(document.getElementById("data").textContent).target !== ""
"""


_RATE = 'JSON.parse(document.getElementById("data").textContent).rate_hz'


def look(page: Page) -> tuple[list[str], dict[str, Any]]:
  """Watches the player, then turns every knob it has.

  Args:
    page: that is loaded.

  Returns:
    What is wrong, and what was counted.
  """
  page.evaluate(_HELPERS)
  has_truth = page.evaluate(_TARGET)
  wrong = []
  seen: dict[str, Any] = {}
  if page.evaluate("document.getElementById('play').textContent") != "Play":
    wrong.append("plays at once for a reader who asked for little motion")
  page.evaluate("pageCheck.press('Pause'); pageCheck.scrub(0);")
  page.evaluate("pageCheck.colour('figure');")
  for name in ("truth", "pred") if has_truth else ("pred",):
    seen[name] = page.evaluate(f"pageCheck.coloured('{name}')")
    if seen[name] < FEW:
      wrong.append(f"{name} is not drawn: {seen[name]} pixels of its colour")
  page.evaluate("pageCheck.keep()")
  page.wait_for_timeout(300)
  seen["paused"] = page.evaluate("pageCheck.changed()")
  if seen["paused"]:
    wrong.append(f"paused, yet {seen['paused']} pixels changed")
  page.evaluate("pageCheck.press('Play')")
  page.wait_for_timeout(1000)
  seen["playing"] = page.evaluate("pageCheck.changed()")
  if seen["playing"] < FEW:
    wrong.append(f"playing, but only {seen['playing']} pixels changed")
  page.evaluate("pageCheck.press('Pause')")
  wrong += _keys(page)
  wrong += _hands(page, seen)
  wrong += _modes(page, has_truth)
  if page.evaluate("document.getElementById('times') !== null"):
    wrong += _timeline(page, seen)
  return wrong, seen


def _keys(page: Page) -> Iterator[str]:
  """Presses the keys that move in time."""
  last = page.evaluate("+document.getElementById('scrub').max")
  second = min(round(page.evaluate(_RATE)), last - 1)
  page.evaluate("document.getElementById('view').focus()")
  for key, shift, wanted in (
    ("Home", False, 0),
    ("ArrowRight", False, 1),
    ("ArrowRight", True, 1 + second),
    ("ArrowLeft", True, 1),
    ("End", False, last),
    ("ArrowLeft", False, last - 1),
  ):
    press(page, key, shift=shift)
    got = page.evaluate("pageCheck.frame()")
    if got != wanted:
      name = f"shift {key}" if shift else key
      yield f"key {name} went to frame {got}, not {wanted}"
  playing = "document.getElementById('play').textContent"
  for wanted in ("Pause", "Play"):
    press(page, " ")
    if page.evaluate(playing) != wanted:
      yield f"the space bar did not {'play' if wanted == 'Pause' else 'pause'}"
  speed = "document.getElementById('speed').value"
  before = page.evaluate(speed)
  press(page, "+")
  if float(page.evaluate(speed)) <= float(before):
    yield "key + did not raise the speed"
  press(page, "-")
  if page.evaluate(speed) != before:
    yield "key - did not lower the speed"
  page.evaluate("pageCheck.scrub(0)")


def _hands(page: Page, seen: dict[str, Any]) -> Iterator[str]:
  """Turns and zooms, each of which must change the picture and be undone."""
  for name, act in (
    ("drag", _drag),
    ("finger", _finger),
    ("wheel", _wheel),
    ("pinch", _pinch),
    ("turn by key", lambda page: press(page, "d")),
  ):
    page.evaluate("pageCheck.keep()")
    act(page)
    seen[name] = page.evaluate("pageCheck.changed()")
    if seen[name] < FEW:
      yield f"{name}: only {seen[name]} pixels changed"
    press(page, "r")
    left = page.evaluate("pageCheck.changed()")
    if left:
      yield f"{name}: {left} pixels differ after reset"


def _modes(page: Page, has_truth: bool) -> Iterator[str]:
  """Lays one over the other, and colours by what there is."""
  if has_truth:
    page.evaluate("pageCheck.keep()")
    press(page, "o")
    if page.evaluate("pageCheck.changed()") < FEW:
      yield "key o changed nothing"
    press(page, "o")
  options = "[...document.getElementById('colour').options].map(o => o.value)"
  for mode in page.evaluate(options)[1:]:
    page.evaluate("pageCheck.keep()")
    press(page, "c")
    if page.evaluate("pageCheck.changed()") < FEW:
      yield f"colour by {mode} changed nothing"
    if page.evaluate("document.getElementById('legend').hidden"):
      yield f"colour by {mode} has no legend"
  page.evaluate("pageCheck.colour('figure')")


def _timeline(page: Page, seen: dict[str, Any]) -> Iterator[str]:
  """Presses at three quarters of the axis of time."""
  last = page.evaluate("+document.getElementById('scrub').max")
  page.evaluate("pageCheck.keep('times')")
  x, y = page.evaluate("pageCheck.place('times', 0.75, 0.3)")
  page.mouse.click(x, y)
  frame = page.evaluate("pageCheck.frame()")
  if not 0.6 * last < frame < 0.9 * last:
    yield f"a press at three quarters went to frame {frame} of {last}"
  seen["cursor"] = page.evaluate("pageCheck.changed('times')")
  if seen["cursor"] < FEW:
    yield f"the cursor did not move: {seen['cursor']} pixels changed"


def press(page: Page, key: str, shift: bool = False) -> None:
  """Presses and lets go of a key.

  Args:
    page: with something in focus.
    key: as `KeyboardEvent.key` names it.
    shift: held meanwhile.
  """
  page.keyboard.press(f"Shift+{key}" if shift else key)


def _to_middle(page: Page) -> tuple[float, float]:
  x, y = page.evaluate("pageCheck.place('view', 0.5, 0.5)")
  page.mouse.move(x, y)
  return x, y


def _drag(page: Page) -> None:
  x, y = _to_middle(page)
  page.mouse.down()
  for step in (20, 60):
    page.mouse.move(x + step, y + step / 2)
  page.mouse.up()


def _wheel(page: Page) -> None:
  _to_middle(page)
  page.mouse.wheel(0, -300)
  page.wait_for_timeout(200)


def _finger(page: Page) -> None:
  """One finger to the side; up and down would scroll the page."""
  x, y = page.evaluate("pageCheck.place('view', 0.5, 0.5)")
  _touch(page, [[(x + step, y)] for step in (0, 30, 60)])


def _pinch(page: Page) -> None:
  x, y = page.evaluate("pageCheck.place('view', 0.5, 0.5)")
  _touch(
    page,
    [
      [(x + s * apart, y + s * apart / 2) for s in (-1, 1)]
      for apart in (30, 45, 80)
    ],
  )


def _touch(page: Page, ways: Sequence[Sequence[tuple[float, float]]]) -> None:
  """Sets fingers down, moves and lifts them; Playwright has no gestures."""
  session = page.context.new_cdp_session(page)
  kinds = ["touchStart", *["touchMove"] * (len(ways) - 1), "touchEnd"]
  for kind, places in zip(kinds, [*ways, []]):
    points = [{"x": x, "y": y, "id": i} for i, (x, y) in enumerate(places)]
    session.send(
      "Input.dispatchTouchEvent", {"type": kind, "touchPoints": points}
    )
  session.detach()
