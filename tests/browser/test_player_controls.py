"""What a reader does with the clips of a run's page, in a real browser."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from results_fixture import make_predictions, make_results

from bgm2pose_jax.files import whole_file
from bgm2pose_jax.systems.bgm2pose.report import REPORT
from tests.browser import chromium, page_player

pytestmark = pytest.mark.skipif(
  not chromium.is_here(), reason="no Chromium or no Playwright here"
)
# Two clips, of 25 windows and 5; the second is the worse one.
WINDOWS, WORST = 30, 27


@pytest.fixture(scope="module")
def tab(tmp_path_factory):
  """A page of a person who walks along x, on a phone."""
  rng = np.random.default_rng(0)
  pose = np.broadcast_to(rng.normal(0, 2, (21, 3)), (WINDOWS, 12, 21, 3)).copy()
  pose[..., 1] += 8
  time = np.arange(12 * WINDOWS).reshape(WINDOWS, 12, 1)
  pose[..., 0] += 4 * np.sin(time / 20)
  arrays = make_predictions(pose.astype(np.float32))
  arrays["target"] = arrays["pred"].copy()
  arrays["target"][WORST, :, 3, 1] += 5
  arrays["spectrogram_db"] = rng.normal(-40, 9, (WINDOWS, 12, 32))
  path = tmp_path_factory.mktemp("page") / "report.html"
  text = REPORT.page(make_results(windows=WINDOWS), [], arrays)
  whole_file.write_text(path, text)
  with chromium.opened(
    chromium.find(None), 390, reduced_motion="reduce"
  ) as page:
    found = chromium.complaints(page, path.as_uri())
    page.goto(path.as_uri())
    yield page
    # Saving makes addresses of its own; a link is the page itself.
    own = ("request: blob:", f"request: {path.as_uri()}#")
    wrong = [x for x in found if not x.startswith(own)]
    assert wrong == []


@pytest.fixture
def page(tab):
  """The page as it opens."""
  tab.goto(tab.url.split("#")[0])
  tab.reload()
  tab.evaluate(page_player._HELPERS)
  return tab


def test_a_phone_shows_the_skeleton_in_its_first_screen(page):
  box = page.locator("#view").bounding_box()
  assert box["y"] + box["height"] <= 844


def test_every_control_is_large_enough_for_a_finger(page):
  small = page.evaluate(
    """[...document.querySelectorAll("button, select, summary, .moments a")]
    .filter((x) => x.getClientRects().length &&
      x.getBoundingClientRect().height < 44).map((x) => x.id || x.innerText)"""
  )
  assert small == []


def test_worst_moments_and_links_go_to_clip_and_time(page):
  page.locator(".moments a").first.click()
  assert page.evaluate("player.clip()") == 1
  frame = page.evaluate("player.position()")
  assert 12 * (WORST - 25) <= frame < 12 * (WORST - 24)
  page.evaluate("location.hash = '#t=3'")
  page.wait_for_timeout(200)
  assert page.evaluate("[player.clip(), player.position()]") == [0, 60]
  link = page.locator("#link").get_attribute("href")
  assert link == "#clip=1&t=3.000"


def test_clips_are_sorted_and_follow_each_other(page):
  first = "document.getElementById('clip').options[0].value"
  assert page.evaluate(first) == "0"
  page.locator("#order").select_option("error")
  assert page.evaluate(first) == "1"
  page.locator("#later").click()
  assert page.evaluate("player.clip()") == 1
  page.evaluate("player.seek(player.last()); player.setOrder([0, 1])")
  page.evaluate("player.show(0, 0); player.play(); player.seek(299)")
  page.wait_for_timeout(500)
  assert page.evaluate("player.clip()") == 1


@pytest.mark.parametrize("key", ["1", "2", "3", "f", "t"])
def test_views_follow_and_trail_change_the_picture(page, key):
  page.evaluate("player.seek(40); player.focus(); pageCheck.keep()")
  page_player.press(page, key)
  assert page.evaluate("pageCheck.changed()") > page_player.FEW


def test_the_table_holds_the_errors_of_the_clip(page, tmp_path):
  page.evaluate("player.show(1, 0)")
  with page.expect_download() as download:
    page.locator("#save-table").click()
  download.value.save_as(tmp_path / "clip.csv")
  rows = list(csv.DictReader((tmp_path / "clip.csv").open()))
  assert len(rows) == 60
  worst = rows[12 * (WORST - 25)]
  assert float(worst["time_s"]) == pytest.approx(0.6 * WORST)
  assert float(worst["Neck error, hip-spine lengths"]) == pytest.approx(5, 0.01)
  assert float(worst["mean error, hip-spine lengths"]) == pytest.approx(
    5 / 21, 0.01
  )


def test_pictures_and_videos_are_saved(page, tmp_path):
  with page.expect_download() as download:
    page.locator("#save-picture").click()
  download.value.save_as(tmp_path / "a.png")
  assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
  with page.expect_download() as download:
    page.locator("#save-video").click()
    page.wait_for_timeout(700)
    page.locator("#save-video").click()
  name = download.value.suggested_filename
  assert name.endswith((".mp4", ".webm"))
  download.value.save_as(tmp_path / name)
  head = (tmp_path / name).read_bytes()[:12]
  assert b"ftyp" in head or head.startswith(b"\x1aE\xdf\xa3")
