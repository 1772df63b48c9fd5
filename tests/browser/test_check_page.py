from __future__ import annotations

import pathlib
import subprocess
import sys

import numpy as np
import pytest
from results_fixture import make_predictions, make_results
from track_fixture import make_maps, make_track

from bgm2pose_jax.files import whole_file
from bgm2pose_jax.systems.bgm2pose.predict import page as prediction_page
from bgm2pose_jax.systems.bgm2pose.report import REPORT
from tests.browser import chromium

needs_browser = pytest.mark.skipif(
  not chromium.is_here(), reason="no Chromium or no Playwright here"
)


def _write(path: pathlib.Path, *, moving: bool = True, truth: bool = True):
  """A page of one person whose arms swing, or who stands still."""
  rng = np.random.default_rng(0)
  pose = np.broadcast_to(rng.normal(0, 2, (21, 3)), (10, 12, 21, 3)).copy()
  pose[..., 1] += 8
  if moving:
    time = np.arange(120).reshape(10, 12, 1)
    pose[..., 0] += 3 * np.sin(time / 5)
  arrays = make_predictions(pose.astype(np.float32), target=truth)
  text = REPORT.page(make_results(windows=10), [], arrays)
  whole_file.write_text(path, text)


def _check(*arguments):
  return subprocess.run(
    [sys.executable, "-m", "tests.browser.check_page", *map(str, arguments)],
    capture_output=True,
    text=True,
    check=False,
    timeout=120,
    cwd=pathlib.Path(__file__).parents[2],
  )


@needs_browser
def test_a_good_page_passes_and_is_photographed(tmp_path):
  _write(tmp_path / "report.html")
  done = _check(
    f"--screenshot={tmp_path / 'page.png'}", tmp_path / "report.html"
  )
  assert done.returncode == 0, done.stdout + done.stderr
  assert "in order" in done.stdout
  assert (tmp_path / "page.png").read_bytes().startswith(b"\x89PNG")


def _write_prediction(path: pathlib.Path, **changes):
  heard, weights = make_maps()
  prediction_page.write_page(
    path,
    make_track(**changes),
    spectrogram=heard,
    attention=weights,
    title="a/very/long/name/" * 9,
  )


@pytest.mark.slow
@needs_browser
@pytest.mark.parametrize("write", [_write, _write_prediction])
def test_pages_work_on_a_phone(tmp_path, write):
  write(tmp_path / "page.html")
  done = _check("--window_width=360", tmp_path / "page.html")
  assert done.returncode == 0, done.stdout + done.stderr
  assert "cursor" in done.stdout


@pytest.mark.slow
@needs_browser
def test_a_prediction_of_several_models_passes_in_the_dark(tmp_path):
  _write_prediction(tmp_path / "page.html", truth=False)
  done = _check("--dark", "--window_width=1280", tmp_path / "page.html")
  assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
@needs_browser
@pytest.mark.parametrize(
  "width", [390, pytest.param(1280, marks=pytest.mark.long)]
)
def test_a_page_works_in_forced_colours(tmp_path, width):
  _write(tmp_path / "page.html")
  done = _check(
    "--forced_colours", f"--window_width={width}", tmp_path / "page.html"
  )
  assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
@needs_browser
def test_controls_that_do_nothing_are_each_named(tmp_path):
  path = tmp_path / "page.html"
  _write_prediction(path)
  text = path.read_text()
  for old, new in (
    ("first + inside", "first + 0 * inside"),
    ("shiftKey ? second : 1", "shiftKey ? 1 : 2"),
    ("held.size === 1", "held.size === 9"),
    ("zoom(apart() / was)", "zoom(1)"),
    ('if (several) flip("overlay", player.setOverlay);', ""),
    ("main {", "main { min-width: 1200px;"),
  ):
    assert old in text
    text = text.replace(old, new)
  path.write_text(text)
  done = _check(path)
  assert done.returncode == 1, done.stdout + done.stderr
  for said in (
    "a press at three quarters went to frame 0 of 79",
    "key ArrowRight went to frame 2, not 1",
    "drag: only 0 pixels changed",
    "pinch: only 0 pixels changed",
    "key o changed nothing",
    "pixels wide in a window of 1100",
  ):
    assert said in done.stdout


@needs_browser
def test_a_page_without_ground_truth_passes(tmp_path):
  _write(tmp_path / "report.html", truth=False)
  done = _check(tmp_path / "report.html")
  assert done.returncode == 0, done.stdout + done.stderr


@needs_browser
@pytest.mark.parametrize(
  ("old", "new", "said"),
  [
    ("const decode =", "const decode ==", "exception: SyntaxError"),
    ("  show(0, 0);", "  show(9, 0);", "Error"),
    ("<h1>", '<img src="http://localhost:9/x.png"><h1>', "console error"),
    ("position + seconds", "position + 0", "pixels changed"),
    ('truth, "truth")', 'truth, "floor")', "truth is not drawn"),
  ],
  ids=["syntax", "exception", "network", "still", "no truth"],
)
def test_a_broken_page_fails_and_says_why(tmp_path, old, new, said):
  path = tmp_path / "report.html"
  _write(path)
  text = path.read_text()
  assert old in text
  path.write_text(text.replace(old, new))
  done = _check(path)
  assert done.returncode == 1, done.stdout + done.stderr
  assert said in done.stdout


@needs_browser
def test_a_picture_that_stands_still_fails(tmp_path):
  _write(tmp_path / "report.html", moving=False)
  done = _check(tmp_path / "report.html")
  assert done.returncode == 1
  assert "playing, but only 0 pixels changed" in done.stdout


def test_no_page_and_no_browser_are_one_line_and_code_2(tmp_path):
  done = _check(tmp_path / "none.html")
  assert done.returncode == 2
  assert "no such page" in done.stderr
  (tmp_path / "a.html").write_text("")
  done = _check("--browser=no-such-browser", tmp_path / "a.html")
  assert done.returncode == 2
  assert "install one" in done.stderr
