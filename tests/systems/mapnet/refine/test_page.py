"""The page: what it holds, and that picture and sound keep together."""

import base64
import io
import json
import re

import numpy as np
import pytest
import soundfile
import violinist_fixture as violinist

from bgm2pose_jax.systems.mapnet.refine import bridging, measures, page
from bgm2pose_jax.systems.mapnet.refine.result import RefinedTake
from bgm2pose_jax.systems.mapnet.refine.sound_beside import Sound, Stretch
from tests.browser import check_page, chromium

needs_browser = pytest.mark.skipif(
  not chromium.is_here(), reason="no Chromium or no Playwright here"
)
FRAMES = 200


def _take(truth=True, **more):
  rng = np.random.default_rng(0)
  pose = violinist.bowing_m(np.arange(FRAMES) / 50)
  noisy = pose + 0.05 * rng.normal(size=pose.shape)
  return RefinedTake(
    pose_m=pose.astype(np.float32),
    input_m=noisy.astype(np.float32),
    bridged=np.zeros((FRAMES, 13), bool),
    first_s=2.0,
    simulated=True,
    truth_m=(pose + 0.01).astype(np.float32) if truth else None,
    facts={"model": "<b>mapnet"},
    notes=("The <i>poses</i> are of a file.",),
    **more,
  )


def _sound():
  samples = np.linspace(-0.5, 0.5, 44_100 * 7).astype(np.float32)
  return Sound("a.wav", samples, 44_100)


def _write(path, take=None, **more):
  take = take or _take()
  figures = measures.measure(take)
  missing = np.zeros((FRAMES, 13), bool)
  missing[3:6, 5] = True
  page.write_page(
    path,
    take,
    title="<script>alert(1)</script>",
    sound=_sound(),
    stretch=Stretch(100, FRAMES, 2.0, ()),
    figures=figures,
    verdict=measures.verdict(figures),
    gaps=bridging.gaps(missing, np.arange(FRAMES) / 25),
    **more,
  )
  return path.read_text()


def _data(text):
  found = re.search(r'<script type="application/json" id="data">(.*?)</', text)
  assert found
  return json.loads(found.group(1))


def _figure(data, name):
  packed = np.frombuffer(base64.b64decode(data[name]), "<i2")
  return packed.reshape(-1, 13, 3) * data["unit"]


def test_figures_stand_on_one_floor_in_centimetres(tmp_path):
  data = _data(_write(tmp_path / "a.html"))
  take = _take()
  pose, noisy = _figure(data, "pred"), _figure(data, "other")
  np.testing.assert_allclose(
    pose - noisy, 100 * (take.pose_m - take.input_m), atol=0.02
  )
  np.testing.assert_allclose(_figure(data, "target") - pose, 1.0, atol=0.02)
  assert np.percentile(pose[..., 1].min(axis=1), 5) == pytest.approx(0, abs=0.1)
  assert abs(pose[:, 7:9, 0].mean()) < 0.5
  assert (data["lengths"], data["rate_hz"]) == ("cm", 50)
  assert data["names"]["other"] == "Input"


def test_the_sound_is_that_of_the_poses(tmp_path):
  uri = _data(_write(tmp_path / "a.html"))["clips"][0]["sound"]
  kind, _, text = uri.partition(",")
  assert kind == "data:audio/flac;base64"
  samples, rate_hz = soundfile.read(io.BytesIO(base64.b64decode(text)))
  assert rate_hz == 22_050
  assert len(samples) == 4 * 22_050
  whole = _sound().samples
  for at_s in (0.5, 2.0, 3.5):
    wanted = whole[round((2 + at_s) * 44_100)]
    assert samples[round(at_s * rate_hz)] == pytest.approx(wanted, abs=1e-3)


def test_words_and_figures_of_the_page(tmp_path):
  text = _write(tmp_path / "a.html")
  assert "<script>alert" not in text
  assert "<i>poses" not in text
  assert "<b>mapnet" not in text
  assert "media-src data:" in text
  assert "TRAINED ON SIMULATED DATA" in text
  # sqrt(3) cm from the truth.
  assert "A joint is 1.7 cm from its true place on average" in text
  assert '<th scope="row">RMWR</th><td>3</td><td>0.12</td>' in text
  assert "This page holds" not in text
  assert "truth" not in _write(tmp_path / "b.html", _take(False)).split(
    "<main>")[1].split('<script')[0].lower()  # fmt: skip


def test_a_long_take_is_cut_and_said(tmp_path):
  text = _write(tmp_path / "a.html", max_frames=50)
  assert "This page holds the first 1 s of 4 s; poses.npz has all." in text
  data = _data(text)
  assert len(_figure(data, "pred")) == len(_figure(data, "other")) == 50
  body = base64.b64decode(data["clips"][0]["sound"].partition(",")[2])
  assert soundfile.info(io.BytesIO(body)).frames == 22_050


def test_truth_that_ends_early_stands_still_on_the_page(tmp_path):
  take = _take()
  assert take.truth_m is not None
  take.truth_m[120:] = np.nan
  data = _data(_write(tmp_path / "a.html", take))
  truth = _figure(data, "target")
  np.testing.assert_array_equal(truth[119:], np.tile(truth[119], (81, 1, 1)))


@pytest.mark.parametrize(
  ("before", "after", "words"),
  [
    (30.0, 3.0, "90 % nearer to the truth"),
    (30.0, 60.0, "100 % farther from the truth"),
    (30.0, 29.8, "as far from the truth as the input"),
  ],
)
def test_the_verdict_says_which_way(before, after, words):
  key = measures.ACCELERATION
  figures = {
    "input": {key: 10.0, "mpjpe_mm": before},
    "result": {key: 2.5, "mpjpe_mm": after},
    "truth": {key: 2.0},
  }
  said = measures.verdict(figures)
  assert words in said[-1]
  assert "75 % less" in said[0]
  much = dict(figures, input={key: 500.0, "mpjpe_mm": before})
  assert "99.5 % less" in measures.verdict(much)[0]
  worse = dict(figures, result={key: 20.0, "mpjpe_mm": after})
  assert "jitters more" in measures.verdict(worse)[0]


@needs_browser
@pytest.mark.slow
def test_the_player_works_with_three_figures(tmp_path):
  path = tmp_path / "a.html"
  _write(path)
  wrong, seen = check_page.check(chromium.find(None), path, None, 900)
  assert wrong == []
  assert seen["truth"] > 0


@needs_browser
@pytest.mark.slow
def test_picture_and_sound_keep_together(tmp_path):
  path = tmp_path / "a.html"
  _write(path)
  with chromium.opened(chromium.find(None), 900) as tab:
    tab.add_init_script(
      "const Plain = Audio; window.made = [];"
      "window.Audio = function (uri) {"
      "  const audio = new Plain(uri); window.made.push(audio);"
      "  return audio; };"
    )
    complaints = chromium.complaints(tab, path.resolve().as_uri())
    tab.goto(path.resolve().as_uri())
    state = """() => {
      const a = window.made[0];
      return { count: window.made.length, paused: a.paused, at: a.currentTime,
        muted: a.muted, rate: a.playbackRate,
        frame: +document.getElementById("scrub").value }; }"""
    tab.wait_for_timeout(300)
    found = tab.evaluate(state)
    # It waits for the reader.
    assert (found["count"], found["paused"], found["frame"]) == (1, True, 0)
    tab.click("#play")
    tab.wait_for_timeout(1200)
    found = tab.evaluate(state)
    assert not found["paused"]
    assert found["at"] > 0.4
    assert abs(found["frame"] / 50 - found["at"]) < 0.1
    tab.keyboard.press("Shift+ArrowRight")
    found = tab.evaluate(state)
    assert found["paused"]
    tab.click("#play")
    tab.wait_for_timeout(500)
    later = tab.evaluate(state)
    assert later["at"] > found["frame"] / 50
    assert abs(later["frame"] / 50 - later["at"]) < 0.1
    tab.select_option("#speed", "0.5")
    tab.uncheck("#sound")
    found = tab.evaluate(state)
    assert (found["rate"], found["muted"]) == (0.5, True)
    assert complaints == []
