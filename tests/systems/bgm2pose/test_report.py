from __future__ import annotations

import base64
import html.parser
import json
import re

import numpy as np
import results_fixture

from bgm2pose_jax.poses.body21 import BODY21
from bgm2pose_jax.systems.bgm2pose.report import REPORT, joint_bars, page

EVIL = "</script><img src=x onerror=alert(1)><!--css-->"
VOID = {"meta", "link", "input", "line", "path"}


def make_results(**changes):
  """Names from a stranger wherever names stand."""
  row = {"rmse": 0.5, "mae": 0.25, "pckh50": 0.75}
  return results_fixture.make_results(
    **{
      "test_subjects": [EVIL],
      "windows": 30,
      "per_track": {EVIL: {**row, "windows": 30, "mean_pose": row}},
      "definitions": {"unit": EVIL},
      "improvement_pct": {"rmse": 12.0, "mae": -3.0},
      **changes,
    }
  )


def make_predictions(n=30, target=True):
  rng = np.random.default_rng(0)
  pred = rng.normal(0, 3, (n, 12, 21, 3)).astype(np.float32)
  return results_fixture.make_predictions(pred, subject=EVIL, target=target)


class Reader(html.parser.HTMLParser):
  """Collects elements, checks that they nest, and keeps script texts."""

  def __init__(self):
    super().__init__()
    self.open, self.tags, self.attributes, self.scripts = [], [], [], []

  def handle_starttag(self, tag, attrs):
    self.tags.append(tag)
    self.attributes += [(tag, *pair) for pair in attrs]
    if tag not in VOID:
      self.open.append(tag)

  def handle_startendtag(self, tag, attrs):
    self.tags.append(tag)
    self.attributes += [(tag, *pair) for pair in attrs]

  def handle_endtag(self, tag):
    assert self.open.pop() == tag

  def handle_data(self, data):
    if self.open and self.open[-1] == "script":
      self.scripts.append(data)


def read(path):
  reader = Reader()
  reader.feed(path.read_text("utf-8"))
  assert reader.open == []
  return reader


def write(tmp_path, max_windows=400, **changes):
  path = tmp_path / "report.html"
  arguments = {
    "results": make_results(),
    "lines": [{"step": s, "loss": 1 / s, EVIL: s} for s in (1, 2, 3)],
    "predictions": make_predictions(),
  }
  text = page(**{**arguments, **changes}, max_windows=max_windows)
  path.write_text(text, "utf-8")
  return path


def decode(text, unit):
  whole = np.frombuffer(base64.b64decode(text), "<i2")
  return whole.reshape(-1, 12, 21, 3) * unit


def test_page_is_one_file_that_loads_nothing_and_escapes_names(tmp_path):
  path = write(tmp_path)
  reader = read(path)
  assert "img" not in reader.tags
  assert reader.tags.count("script") == 2
  assert reader.tags.count("style") == 1
  for _, name, value in reader.attributes:
    assert not name.startswith("on")
    if name in ("src", "href"):
      assert value == "data:,"
  text = path.read_text("utf-8")
  assert "default-src 'none'" in text
  assert not re.search(r"https?://", text.replace("http-equiv", ""))
  assert [p.name for p in tmp_path.iterdir()] == ["report.html"]


def test_embedded_poses_decode_to_the_predictions(tmp_path):
  predictions = make_predictions()
  data = json.loads(read(write(tmp_path)).scripts[0])
  largest = np.abs(predictions["target"]).max()
  for name in ("pred", "target"):
    got = decode(data[name], data["unit"])
    np.testing.assert_allclose(got, predictions[name], atol=largest / 32767)
  assert [c["windows"] for c in data["clips"]] == [25, 5]
  assert [c["start"] for c in data["clips"]] == [0, 25]
  assert data["bones"] == [list(bone) for bone in BODY21.bones]
  assert EVIL in data["clips"][0]["label"]
  assert "RMSE 1.000" in data["clips"][0]["label"]


def test_kind_of_data_is_said_large(tmp_path):
  text = write(tmp_path).read_text("utf-8")
  assert re.search(r'class="banner"><b>SIMULATED DATA', text)
  real = write(tmp_path, results=make_results(simulated=False))
  text = real.read_text("utf-8")
  assert "<b>RECORDED DATA" in text
  assert "come from a simulator" not in text
  assert json.loads(read(real).scripts[0])["simulated"] is False


def test_results_stand_in_the_page(tmp_path):
  text = write(tmp_path).read_text("utf-8")
  assert "12.0 % below the mean pose" in text
  assert "3.0 % above the mean pose" in text
  for name in ("music only, ridge", "ridge, 5 frames", "bgm2pose, demo"):
    assert f"<td>{name}</td>" in text
  assert text.count('class="bar"') == 21
  assert text.count("<svg") == 2
  assert "30 of 30 test windows" in text


def test_recordings_without_poses_get_a_page_of_predictions(tmp_path):
  empty = dict.fromkeys(("rmse", "mae", "pckh50"))
  results = make_results(
    **empty,
    mean_pose=empty,
    ridge=empty,
    music_only=empty,
    per_part={},
    per_joint={},
    per_track={},
  )
  path = write(
    tmp_path,
    results=results,
    lines=[],
    predictions=make_predictions(target=False),
  )
  data = json.loads(read(path).scripts[0])
  assert data["target"] == ""
  assert len(decode(data["pred"], data["unit"])) == 30
  assert "predictions only" in path.read_text("utf-8")


def test_same_input_gives_the_same_bytes(tmp_path):
  first = write(tmp_path).read_bytes()
  assert write(tmp_path).read_bytes() == first


def test_window_limit_is_kept_and_stated(tmp_path):
  results = make_results(windows=500)
  path = write(
    tmp_path,
    results=results,
    predictions=make_predictions(500),
    max_windows=100,
  )
  data = json.loads(read(path).scripts[0])
  assert sum(c["windows"] for c in data["clips"]) == 100
  assert data["clips"][0]["first"] == 0
  assert data["clips"][-1]["first"] == 475
  assert "100 of 500 test windows" in path.read_text("utf-8")


def test_no_windows_at_all_still_gives_a_page(tmp_path):
  path = write(tmp_path, predictions=make_predictions(0))
  assert json.loads(read(path).scripts[0])["clips"] == []


def test_every_system_is_asked_for_the_same(tmp_path):
  arguments = make_results(), [], make_predictions()
  assert REPORT.page(*arguments) == page(*arguments)
  assert REPORT.text(make_results()).startswith("SIMULATED DATA")


def test_joint_bars_scale_to_the_largest_and_mark_the_mean_pose():
  row = {"rmse": 1.0, "mae": 0.5, "pckh50": 0.1}
  text = joint_bars({"Hips": row}, {"Hips": {**row, "mae": 2.0}})
  assert "width:25.00%" in text
  assert "left:100.00%" in text
  assert "Head" not in text
  assert joint_bars({}, {}) == ""
