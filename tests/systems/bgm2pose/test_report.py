from __future__ import annotations

import base64
import html as html_lib
import html.parser
import json
import re
import xml.etree.ElementTree as ET

import numpy as np
import numpy_figures
import pytest
import report_case
import results_fixture

from bgm2pose_jax.poses.body21 import BODY21
from bgm2pose_jax.systems.bgm2pose.report import REPORT, joint_bars, page

EVIL = "</script><img src=x onerror=alert(1)><!--css-->"
VOID = {"meta", "link", "input", "line", "path"}


def make_results(**changes):
  """Names from a stranger wherever names stand."""
  row = {"mpjpe_cm": 5.0, "rmse": 0.5, "mae": 0.25, "pckh50": 0.75}
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
      assert value == "data:," or value.startswith("#")
  text = path.read_text("utf-8")
  assert "default-src 'none'" in text
  assert not re.search(r"https?://", text.replace("http-equiv", ""))
  assert [p.name for p in tmp_path.iterdir()] == ["report.html"]


def test_embedded_poses_decode_to_the_predictions(tmp_path):
  predictions = make_predictions()
  data = json.loads(read(write(tmp_path)).scripts[0])
  largest = np.abs(predictions["target"]).max()
  for name in ("pred", "target"):
    got = decode(data[name], data["unit"]) / BODY21.unit_cm
    np.testing.assert_allclose(got, predictions[name], atol=largest / 32767)
  assert [c["windows"] for c in data["clips"]] == [25, 5]
  assert [c["start"] for c in data["clips"]] == [0, 25]
  assert data["bones"] == [list(bone) for bone in BODY21.bones]
  assert EVIL in data["clips"][0]["label"]
  assert "error 15.95 cm" in data["clips"][0]["label"]


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
  assert "12.0 % better than the mean pose" in text
  assert "3.0 % worse than the mean pose" in text
  for name in ("music only, ridge", "ridge, 5 frames", "bgm2pose, demo"):
    assert f'<th scope="row">{name}</th>' in text
  assert text.count('class="bar"') == 21
  assert text.count("<svg") == 2
  assert "30 of 30 test windows" in text


def test_recordings_without_poses_get_a_page_of_predictions(tmp_path):
  empty = dict.fromkeys(("mpjpe_cm", "rmse", "mae", "pckh50"))
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


def test_joint_bars_are_centimetres_of_the_poses():
  case = report_case.make_case()
  own, still = (
    numpy_figures.joint_figures(case.poses[name], case.target)
    for name in ("model", "mean_pose")
  )
  text = joint_bars(own, still)
  top = max(row["mpjpe_cm"] for row in (*own.values(), *still.values()))
  assert re.findall(r"<h3>(.*?)</h3>", text) == list(numpy_figures.PARTS)
  bars = ET.fromstring(text).findall(".//div[@class='bar']")
  names = [name for part in numpy_figures.PARTS.values() for name in part]
  assert [bar.find("span").text for bar in bars] == names
  for name, bar in zip(names, bars):
    row, mean = own[name], still[name]["mpjpe_cm"]
    assert bar.get("title") == (
      f"{name}: MPJPE (cm) {row['mpjpe_cm']:.1f}, PCKh@0.5 "
      f"{row['pckh50']:.3f}; mean pose MPJPE (cm) {mean:.1f}"
    )
    assert bar.find("em").text == f"{row['mpjpe_cm']:.1f}"
    width, left = (
      float(re.fullmatch(pattern, bar.find(f"div/{tag}").get("style")).group(1))
      for tag, pattern in (("b", r"width:([\d.]+)%"), ("i", r"left:([\d.]+)%"))
    )
    assert width == pytest.approx(100 * row["mpjpe_cm"] / top, abs=0.006)
    assert left == pytest.approx(100 * mean / top, abs=0.006)


@pytest.fixture(scope="module", params=[False, True], ids=["", "swapped"])
def case(request):
  """A run; once better and once worse than the mean pose."""
  return report_case.make_case(swapped=request.param)


@pytest.fixture(scope="module")
def text(case):
  return page(case.results, [], case.predictions)


def tables_of(text):
  """Title -> (head, row -> cells) of every table."""
  found = {}
  for title, rest in re.findall(
    r"<h2>([^<]*)</h2><div[^>]*>(<table>.*?</table>)", text
  ):
    rows = [
      re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row)
      for row in re.findall(r"<tr.*?>(.*?)</tr>", rest)
    ]
    title = html_lib.unescape(title)
    found[title] = rows[0], {row[0]: row[1:] for row in rows[1:]}
  return found


def test_tiles_are_figures_of_the_poses(case, text):
  own, still = (
    numpy_figures.figures(case.poses[name], case.target)
    for name in ("model", "mean_pose")
  )
  ranges = report_case.intervals(case)
  wanted = []
  for key, name in (
    ("mpjpe_cm", "MPJPE (cm)"),
    ("rmse", "RMSE, hip-spine lengths"),
    ("mae", "MAE, hip-spine lengths"),
    ("pckh50", "PCKh@0.5"),
  ):
    gain = numpy_figures.gain_pct(own[key], still[key])
    form = ".1f" if key == "mpjpe_cm" else ".3f"
    notes = []
    if key != "pckh50":
      side = "better" if gain > 0 else "worse"
      notes.append(f"{abs(gain):.1f} % {side} than the mean pose")
    notes.append(f"mean pose {still[key]:{form}}")
    low, high = ranges[key]
    notes.append(f"95 % interval {low:{form}} to {high:{form}}")
    wanted.append((name, f"{own[key]:{form}}", notes))
  tile = r"<div><span>(.*?)</span><strong>(.*?)</strong>(<em>.*?)</div>"
  found = [
    (name, value, re.findall("<em>(.*?)</em>", notes))
    for name, value, notes in re.findall(tile, text)
  ]
  assert found == wanted


def test_scores_in_centimetres_are_figures_of_the_poses(case, text):
  head, rows = tables_of(text)["Results in centimetres"]
  assert head == [
    *("", "MPJPE cm", "better than mean pose", "arms", "legs", "torso", "hands")
  ]
  still = numpy_figures.figures(case.poses["mean_pose"], case.target)
  for label, name in report_case.ROWS.items():
    poses = case.poses[name], case.target
    row = numpy_figures.figures(*poses)
    better = numpy_figures.gain_pct(row["mpjpe_cm"], still["mpjpe_cm"])
    parts = numpy_figures.part_figures(*poses)
    hands = numpy_figures.figures(*poses, ["LeftHand", "RightHand"])
    assert rows[label] == [
      numpy_figures.printed_cm(row),
      "" if name == "mean_pose" else f"{better:+.1f} %",
      *map(numpy_figures.printed_cm, parts.values()),
      numpy_figures.printed_cm(hands),
    ]


def test_scores_and_parts_are_figures_of_the_poses(case, text):
  tables = tables_of(text)
  head, rows = tables["Results in the paper's unit, hip-spine lengths"]
  assert head[1:4] == ["RMSE", "MAE", "PCKh@0.5"]
  assert head[4:] == ["RMSE better by", "MAE better by"]
  groups, parts = tables["By body part"]
  assert groups == ["", "RMSE", "MAE", "PCKh@0.5"]
  assert parts.pop("") == ["arms", "legs", "torso"] * 3
  assert list(rows) == list(parts) == list(report_case.ROWS)
  still = numpy_figures.figures(case.poses["mean_pose"], case.target)
  for label, name in report_case.ROWS.items():
    row = numpy_figures.figures(case.poses[name], case.target)
    changes = [
      f"{numpy_figures.gain_pct(row[key], still[key]):+.1f} %"
      for key in ("rmse", "mae")
    ]
    if name == "mean_pose":
      changes = ["", ""]
    assert rows[label] == numpy_figures.printed(row) + changes
    of_part = numpy_figures.part_figures(case.poses[name], case.target)
    printed = [numpy_figures.printed(of_part[p]) for p in of_part]
    assert parts[label] == [cell for figure in zip(*printed) for cell in figure]


def test_the_verdict_stands_at_the_head(case, text):
  (said,) = re.findall(r'<p class="summary">(.*?)</p>', text)
  assert said == case.results["verdict"]
  assert said.startswith("Joints are off by")


@pytest.mark.parametrize("title", ["By track", "By subject"])
def test_groups_are_figures_of_their_windows(case, text, title):
  head, rows = tables_of(text)[title]
  assert head[1:] == [
    *("windows", "MPJPE cm", "better than mean pose"),
    *("RMSE", "MAE", "PCKh@0.5", "mean pose RMSE"),
  ]
  of_window = {"By track": case.track, "By subject": case.subject}[title]
  assert list(rows) == sorted(set(of_window))
  for name, cells in rows.items():
    here = of_window == name
    own, still = (
      numpy_figures.figures(case.poses[who][here], case.target[here])
      for who in ("model", "mean_pose")
    )
    assert cells == [
      str(here.sum()),
      numpy_figures.printed_cm(own),
      f"{numpy_figures.gain_pct(own['mpjpe_cm'], still['mpjpe_cm']):+.1f} %",
      *numpy_figures.printed(own),
      f"{still['rmse']:.3f}",
    ]


def test_joints_are_drawn_with_the_title_over_them(case, text):
  """The section's title says which error the bars are."""
  section = re.search(
    r"<h2>Error of each joint \(MPJPE, cm\)</h2>(.*?)</section>", text
  ).group(1)
  found = re.findall(r"<span>(.*?)</span>.*?<em>(.*?)</em>", section)
  joints = numpy_figures.joint_figures(case.poses["model"], case.target)
  assert dict(found) == {
    name: f"{row['mpjpe_cm']:.1f}" for name, row in joints.items()
  }
  assert "The upright mark is the mean pose." in section


def test_clips_say_the_error_of_their_windows(case, text):
  (data,) = re.findall(
    r'<script type="application/json"[^>]*>(.*?)</script>', text
  )
  labels = [clip["label"] for clip in json.loads(data)["clips"]]
  assert len(labels) == len(case.blocks)
  for label, here in zip(labels, case.blocks):
    off = case.poses["model"][here].astype(np.float64) - case.target[here]
    error = np.linalg.norm(off, axis=-1).mean()
    assert f"subject {case.subject[here[0]]}, {case.track[here[0]]}," in label
    assert label.endswith(f"error {error * BODY21.unit_cm:.2f} cm")


def test_facts_are_the_runs(text):
  facts = re.search(r'<p class="facts">(.*?)</p>', text, re.S).group(1)
  facts = re.sub(r"<.*?>", "", facts)
  for said in (
    "setting single",
    "test track haze, tide",
    "test subject s1, s2",
    "fold 1",
    "seed 3",
    "test windows 22",
    "parameters 1,234,567",
    "steps 8,901",
  ):
    assert said in facts
