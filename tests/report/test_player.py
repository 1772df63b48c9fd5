from __future__ import annotations

import pytest

from bgm2pose_jax.files import whole_file
from bgm2pose_jax.poses.body21 import BODY21
from bgm2pose_jax.report import packed_poses, page, player
from tests.browser import chromium, page_player

pytestmark = pytest.mark.skipif(
  not chromium.is_here(), reason="no Chromium or no Playwright here"
)

# A frame whose every number is `k`, for the page to push.
_SCRIPT = """
window.makeFrame = (k) => ({
  pose: new Array(63).fill(0).map((_, i) => (i * 7 + k) % 11),
  spread: new Array(21).fill(0.5), time_s: 100 + k / 20 });
window.player = makePlayer(document.getElementById("player"),
  JSON.parse(document.getElementById("data").textContent));
"""


@pytest.fixture(scope="module")
def tab(tmp_path_factory):
  """A page whose player waits for frames."""
  path = tmp_path_factory.mktemp("live") / "live.html"
  data = {
    **packed_poses.body(BODY21, "Head"),
    "live": {
      "frames": 40,
      "spread": True,
      "target": False,
      "height": 19,
      "reach": 8,
    },
    "rate_hz": 20.0,
    "simulated": False,
  }
  text = page.render(
    page.Page(
      title="live",
      panels=[
        player.panel(data, starts=False),
        page.Panel("", "", scripts=[_SCRIPT]),
      ],
    )
  )
  whole_file.write_text(path, text)
  with chromium.opened(chromium.find(None), 800) as opened:
    yield opened, path.as_uri()


def _open(tab, motion="no-preference"):
  """The page anew, for a reader who asked for this motion."""
  opened, address = tab
  opened.emulate_media(reduced_motion=motion)
  opened.goto(address)
  opened.evaluate(page_player._HELPERS)
  return opened


def _push(opened, first, end):
  opened.evaluate(
    f"for (let k = {first}; k < {end}; k++) player.push(makeFrame(k))"
  )


def test_a_player_follows_the_frames_pushed_and_keeps_the_newest(tab):
  opened, address = tab
  complaints = chromium.complaints(opened, address)
  opened = _open(tab)
  assert opened.evaluate("player.playing()") is True
  said = "document.getElementById('readout').textContent"
  assert "Waiting" in opened.evaluate(said)
  _push(opened, 0, 5)
  opened.wait_for_timeout(500)
  assert opened.evaluate("player.position()") == 4
  assert opened.evaluate("player.time_s()") == pytest.approx(100.2)
  _push(opened, 5, 100)
  opened.wait_for_timeout(500)
  assert opened.evaluate("player.frames()") == 40
  assert opened.evaluate("player.position()") == 39
  assert opened.evaluate("player.time_s()") == pytest.approx(104.95)
  assert "Mean spread in this frame 0.50" in opened.evaluate(said)
  assert complaints == []


def test_a_paused_player_holds_its_frame_until_the_end_is_asked_for(tab):
  opened = _open(tab)
  _push(opened, 0, 40)
  opened.evaluate("player.pause(); player.seek(30); pageCheck.keep()")
  _push(opened, 40, 60)
  assert opened.evaluate("player.position()") == 10
  assert opened.evaluate("player.time_s()") == pytest.approx(101.5)
  # The same pose, wherever it lies in the ring by now.
  assert opened.evaluate("pageCheck.changed()") == 0
  opened.evaluate("player.focus()")
  page_player.press(opened, "End")
  assert opened.evaluate("player.position()") == 39
  assert opened.evaluate("pageCheck.changed()") > page_player.FEW


@pytest.mark.parametrize(
  "change",
  ["pose: [1, 2]", "pose: new Array(63).fill(NaN)", "spread: undefined"],
)
def test_frames_that_cannot_be_are_refused_and_change_nothing(tab, change):
  from playwright.sync_api import Error

  opened = _open(tab)
  _push(opened, 0, 3)
  with pytest.raises(Error, match="finite numbers"):
    opened.evaluate(f"player.push({{...makeFrame(3), {change}}})")
  assert opened.evaluate("player.frames()") == 3


def test_a_reader_who_wants_no_motion_starts_paused(tab):
  opened = _open(tab, "reduce")
  assert opened.evaluate("player.playing()") is False
  _push(opened, 0, 10)
  opened.wait_for_timeout(200)
  assert opened.evaluate("player.position()") == 0


def test_keys_belong_to_what_is_in_focus(tab):
  opened = _open(tab, "reduce")
  _push(opened, 0, 30)
  for focus, moved in (("view", 1), ("scrub", 1), ("speed", 0), (None, 0)):
    opened.evaluate("document.activeElement.blur(); player.seek(5)")
    if focus:
      opened.evaluate(f"document.getElementById('{focus}').focus()")
    page_player.press(opened, "ArrowRight")
    assert opened.evaluate("player.position()") == 5 + moved, focus
  # Space on a button presses that button alone.
  opened.evaluate("document.getElementById('play').focus()")
  page_player.press(opened, " ")
  assert opened.evaluate("player.playing()") is True


def test_what_the_frames_lack_is_not_offered(tab):
  opened = _open(tab)
  hidden = [
    opened.evaluate(f"document.getElementById('{name}-label').hidden")
    for name in ("overlay", "order", "sound", "colour")
  ]
  assert hidden == [True, True, True, False]
