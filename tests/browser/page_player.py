"""Uses the player of an open page as a reader would, and looks at the picture.

Everything goes through the browser's own events: keys, mouse, fingers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from tests.browser import chromium_pipe

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


def look(tab: chromium_pipe.Tab) -> tuple[list[str], dict[str, Any]]:
  """Watches the player, then turns every knob it has.

  Args:
    tab: with the page loaded.

  Returns:
    What is wrong, and what was counted.
  """
  tab.evaluate(_HELPERS)
  has_truth = tab.evaluate(_TARGET)
  wrong = []
  seen: dict[str, Any] = {}
  if tab.evaluate("document.getElementById('play').textContent") != "Play":
    wrong.append("plays at once for a reader who asked for little motion")
  tab.evaluate("pageCheck.press('Pause'); pageCheck.scrub(0);")
  tab.evaluate("pageCheck.colour('figure');")
  for name in ("truth", "pred") if has_truth else ("pred",):
    seen[name] = tab.evaluate(f"pageCheck.coloured('{name}')")
    if seen[name] < FEW:
      wrong.append(f"{name} is not drawn: {seen[name]} pixels of its colour")
  tab.evaluate("pageCheck.keep()")
  tab.wait(0.3)
  seen["paused"] = tab.evaluate("pageCheck.changed()")
  if seen["paused"]:
    wrong.append(f"paused, yet {seen['paused']} pixels changed")
  tab.evaluate("pageCheck.press('Play')")
  tab.wait(1.0)
  seen["playing"] = tab.evaluate("pageCheck.changed()")
  if seen["playing"] < FEW:
    wrong.append(f"playing, but only {seen['playing']} pixels changed")
  tab.evaluate("pageCheck.press('Pause')")
  wrong += _keys(tab)
  wrong += _hands(tab, seen)
  wrong += _modes(tab, has_truth)
  if tab.evaluate("document.getElementById('tracks') !== null"):
    wrong += _tracks(tab, seen)
  return wrong, seen


def _keys(tab: chromium_pipe.Tab) -> Iterator[str]:
  """Presses the keys that move in time."""
  last = tab.evaluate("+document.getElementById('scrub').max")
  second = min(20, last - 1)
  tab.evaluate("document.getElementById('view').focus()")
  for key, shift, wanted in (
    ("Home", False, 0),
    ("ArrowRight", False, 1),
    ("ArrowRight", True, 1 + second),
    ("ArrowLeft", True, 1 + second - min(20, 1 + second)),
    ("End", False, last),
    ("ArrowLeft", False, last - 1),
  ):
    press(tab, key, shift=shift)
    got = tab.evaluate("pageCheck.frame()")
    if got != wanted:
      name = f"shift {key}" if shift else key
      yield f"key {name} went to frame {got}, not {wanted}"
  playing = "document.getElementById('play').textContent"
  for wanted in ("Pause", "Play"):
    press(tab, " ")
    if tab.evaluate(playing) != wanted:
      yield f"the space bar did not {'play' if wanted == 'Pause' else 'pause'}"
  speed = "document.getElementById('speed').value"
  before = tab.evaluate(speed)
  press(tab, "+")
  if float(tab.evaluate(speed)) <= float(before):
    yield "key + did not raise the speed"
  press(tab, "-")
  if tab.evaluate(speed) != before:
    yield "key - did not lower the speed"
  tab.evaluate("pageCheck.scrub(0)")


def _hands(tab: chromium_pipe.Tab, seen: dict[str, Any]) -> Iterator[str]:
  """Turns and zooms, each of which must change the picture and be undone."""
  for name, act in (
    ("drag", _drag),
    ("finger", _finger),
    ("wheel", _wheel),
    ("pinch", _pinch),
    ("turn by key", lambda tab: press(tab, "d")),
  ):
    tab.evaluate("pageCheck.keep()")
    act(tab)
    seen[name] = tab.evaluate("pageCheck.changed()")
    if seen[name] < FEW:
      yield f"{name}: only {seen[name]} pixels changed"
    press(tab, "r")
    left = tab.evaluate("pageCheck.changed()")
    if left:
      yield f"{name}: {left} pixels differ after reset"


def _modes(tab: chromium_pipe.Tab, has_truth: bool) -> Iterator[str]:
  """Lays one over the other, and colours by what there is."""
  if has_truth:
    tab.evaluate("pageCheck.keep()")
    press(tab, "o")
    if tab.evaluate("pageCheck.changed()") < FEW:
      yield "key o changed nothing"
    press(tab, "o")
  options = "[...document.getElementById('colour').options].map(o => o.value)"
  for mode in tab.evaluate(options)[1:]:
    tab.evaluate("pageCheck.keep()")
    press(tab, "c")
    if tab.evaluate("pageCheck.changed()") < FEW:
      yield f"colour by {mode} changed nothing"
    if tab.evaluate("document.getElementById('legend').hidden"):
      yield f"colour by {mode} has no legend"
  tab.evaluate("pageCheck.colour('figure')")


def _tracks(tab: chromium_pipe.Tab, seen: dict[str, Any]) -> Iterator[str]:
  """Presses at three quarters of the axis of time."""
  last = tab.evaluate("+document.getElementById('scrub').max")
  tab.evaluate("pageCheck.keep('tracks')")
  x, y = tab.evaluate("pageCheck.place('tracks', 0.75, 0.3)")
  for kind in ("mousePressed", "mouseReleased"):
    _mouse(tab, kind, x, y)
  frame = tab.evaluate("pageCheck.frame()")
  if not 0.6 * last < frame < 0.9 * last:
    yield f"a press at three quarters went to frame {frame} of {last}"
  seen["cursor"] = tab.evaluate("pageCheck.changed('tracks')")
  if seen["cursor"] < FEW:
    yield f"the cursor did not move: {seen['cursor']} pixels changed"


def press(tab: chromium_pipe.Tab, key: str, shift: bool = False) -> None:
  """Presses and lets go of a key.

  Args:
    tab: with something in focus.
    key: as `KeyboardEvent.key` names it.
    shift: held meanwhile.
  """
  event: dict[str, Any] = {"key": key, "modifiers": 8 if shift else 0}
  if len(key) == 1:
    event["text"] = key
  tab.send("Input.dispatchKeyEvent", type="keyDown", **event)
  tab.send("Input.dispatchKeyEvent", type="keyUp", **event)


def _mouse(
  tab: chromium_pipe.Tab, kind: str, x: float, y: float, **more: Any
) -> None:
  tab.send(
    "Input.dispatchMouseEvent",
    type=kind,
    x=x,
    y=y,
    **{"button": "left", "buttons": 1, "clickCount": 1, **more},
  )


def _drag(tab: chromium_pipe.Tab) -> None:
  x, y = tab.evaluate("pageCheck.place('view', 0.5, 0.5)")
  _mouse(tab, "mousePressed", x, y)
  for step in (20, 60):
    _mouse(tab, "mouseMoved", x + step, y + step / 2)
  _mouse(tab, "mouseReleased", x + 60, y + 30)


def _wheel(tab: chromium_pipe.Tab) -> None:
  x, y = tab.evaluate("pageCheck.place('view', 0.5, 0.5)")
  _mouse(
    tab, "mouseWheel", x, y, deltaX=0, deltaY=-300, button="none", buttons=0
  )
  tab.wait(0.2)


def _finger(tab: chromium_pipe.Tab) -> None:
  """One finger to the side; up and down would scroll the page."""
  x, y = tab.evaluate("pageCheck.place('view', 0.5, 0.5)")
  _touch(tab, "Start", [(x, y)])
  for step in (30, 60):
    _touch(tab, "Move", [(x + step, y)])
  _touch(tab, "End", [])


def _pinch(tab: chromium_pipe.Tab) -> None:
  x, y = tab.evaluate("pageCheck.place('view', 0.5, 0.5)")
  for kind, apart in (("Start", 30), ("Move", 45), ("Move", 80)):
    _touch(tab, kind, [(x + s * apart, y + s * apart / 2) for s in (-1, 1)])
  _touch(tab, "End", [])


def _touch(
  tab: chromium_pipe.Tab, kind: str, places: Sequence[tuple[float, float]]
) -> None:
  points = [{"x": x, "y": y, "id": i} for i, (x, y) in enumerate(places)]
  tab.send("Input.dispatchTouchEvent", type=f"touch{kind}", touchPoints=points)
