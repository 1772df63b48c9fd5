"""Every mark of the page's figures is plain NumPy's on the runs' poses."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import comparison_case
import numpy as np
import numpy_figures
import pytest
from comparison_case import COLUMNS, ROWS, SEEDS


@pytest.fixture(scope="module")
def figures(case):
  """Section's title -> [(title, drawing)] as they stand in the page."""
  text = (case.root / "tables" / "report.html").read_text()
  out = {}
  for title, rest in re.findall(
    r'<summary>([^<]*)</summary><div class="charts">(.*?)</div>', text
  ):
    drawn = re.findall(r"<b>(.*?)</b>.*?(<svg.*?</svg>)", rest, re.S)
    out[title] = [(name, ET.fromstring(svg)) for name, svg in drawn]
  return out


@pytest.fixture(scope="module")
def colours(case):
  """Colour class -> row, as the legend has them."""
  text = (case.root / "tables" / "report.html").read_text()
  return dict(re.findall(r'<span class="key (c\d)">(.*?)</span>', text))


class _Axis:
  """Numbers of pixels, from the ticks of a drawing."""

  def __init__(self, drawing, axis, anchor):
    texts = [t for t in drawing.iter("text") if t.get("text-anchor") == anchor]
    lines = [x for x in drawing.iter("line") if x.get("class") == "grid"]
    values = [float(t.text) for t in texts[: len(lines)]]
    places = [float(line.get(f"{axis}1")) for line in lines]
    self._slope, self._start = np.polyfit(places, values, 1)
    self.pixel = abs(self._slope)

  def value(self, place):
    return self._slope * float(place) + self._start


def _dots(drawing):
  """(class, title, number on the axis) of each dot."""
  axis = _Axis(drawing, "x", "middle")
  width = float(drawing.get("viewBox").split()[2])
  assert all(0 < float(d.get("cx")) < width for d in drawing.iter("circle"))
  return [
    (
      dot.get("class").split()[-1],
      dot.find("title").text,
      pytest.approx(axis.value(dot.get("cx")), abs=0.1 * axis.pixel),
    )
    for dot in drawing.iter("circle")
  ]


def _joint_cm(pred, target):
  rows = numpy_figures.joint_figures(pred, target)
  return np.asarray([row["mpjpe_cm"] for row in rows.values()])


def test_colours_are_the_rows(colours):
  assert colours == {"c0": "BGM2Pose", "c1": "WiPose"}


def test_paired_differences(case, figures, colours):
  found = figures["Paired differences of MPJPE (cm), RMSE, MAE"]
  assert [name for name, _ in found] == [
    f"{column}, {name}"
    for column in COLUMNS
    for name in ("MPJPE (cm)", "RMSE", "MAE")
  ]
  drawings = iter(drawing for _, drawing in found)
  for column in COLUMNS:
    for numbers in case.differences("WiPose", column):
      drawing = next(drawings)
      ((kind, title, place),) = _dots(drawing)
      assert colours[kind] == "WiPose"
      assert title == f"WiPose: {comparison_case.signed(numbers)}"
      assert place == numbers[0]
      axis = _Axis(drawing, "x", "middle")
      (line,) = [x for x in drawing.iter("line") if "curve" in x.get("class")]
      ends = [axis.value(line.get(key)) for key in ("x1", "x2")]
      assert ends == pytest.approx(numbers[1:], abs=0.1 * axis.pixel)


def test_error_of_each_joint(case, figures, colours):
  found = figures["Error of each joint (MPJPE, cm; upright mark: mean pose)"]
  assert [name for name, _ in found] == list(COLUMNS)
  names = [name for part in numpy_figures.PARTS.values() for name in part]
  for column, drawing in found:
    error = {
      row: case.seeds(row, column, _joint_cm).mean(axis=0)
      for row in (*ROWS, "mean pose")
    }
    dots = _dots(drawing)
    assert len(dots) == len(names) * len(ROWS)
    for number, name in enumerate(names):
      at = numpy_figures.JOINTS.index(name)
      for kind, title, place in dots[2 * number : 2 * number + 2]:
        value = error[colours[kind]][at]
        assert title == f"{name}, {colours[kind]}: {value:.3f}"
        assert place == value
    axis = _Axis(drawing, "x", "middle")
    marks = [x for x in drawing.iter("line") if x.get("class") == "mark"]
    for name, mark in zip(names, marks, strict=True):
      value = error["mean pose"][numpy_figures.JOINTS.index(name)]
      assert mark.find("title").text == f"{name}, mean pose: {value:.3f}"
      place = axis.value(mark.get("x1"))
      assert place == pytest.approx(value, abs=0.1 * axis.pixel)


def test_error_of_each_subject(case, figures, colours):
  # A column with one subject has no such figure.
  ((name, drawing),) = figures["Error of each subject (MPJPE, cm)"]
  assert name == "single"
  dots = _dots(drawing)
  assert len(dots) == 2 * len(ROWS)
  for number, fold in enumerate((0, 1)):
    places = [(t, f) for t, f in COLUMNS["single"] if f == fold]
    for kind, title, place in dots[2 * number : 2 * number + 2]:
      row = colours[kind]
      value = np.mean(
        [
          comparison_case.of_metrics(
            case.pred[row, ("single", *where), seed],
            case.target["single", *where],
          )[0]
          for where in places
          for seed in SEEDS
        ]
      )
      assert title == f"s{fold}, {row}: {value:.3f}"
      assert place == value


def test_error_over_the_frames(case, figures, colours):
  found = figures["Error over the 12 frames of a window (MPJPE, cm)"]
  assert [name for name, _ in found] == list(COLUMNS)

  def distance_cm(pred, target):
    error = np.sqrt(((pred.astype(np.float64) - target) ** 2).sum(axis=-1))
    return 9.21 * np.asarray([np.mean(error[:, k]) for k in range(12)])

  for column, drawing in found:
    wanted = {
      row: case.seeds(row, column, distance_cm).mean(axis=0) for row in ROWS
    }
    _check_lines(drawing, colours, wanted, "frame", 11)


def test_error_over_each_recording(case, figures, colours):
  found = figures["Error over each recording (MPJPE in cm, mean of 30 s)"]
  places = {
    f"{column}: subject s{fold} {track}": (column, track, fold)
    for column in COLUMNS
    for track, fold in COLUMNS[column]
  }
  assert sorted(name for name, _ in found) == sorted(places)
  for name, drawing in found:
    place = places[name]
    wanted = {}
    for row in ROWS:
      errors = [case.pred[row, place, s] - case.target[place] for s in SEEDS]
      cm = 9.21 * np.linalg.norm(np.float64(errors), axis=-1).mean(
        axis=(0, 2, 3)
      )
      wanted[row] = np.asarray(
        [cm[max(0, i - 25) : i + 25].mean() for i in range(len(cm))]
      )
    _check_lines(drawing, colours, wanted, "second", 0.6 * 79)


def _check_lines(drawing, colours, wanted, x_name, last_x):
  """Lines run through the numbers wanted, and say the last one."""
  axis = _Axis(drawing, "y", "end")
  paths = list(drawing.iter("path"))
  assert [colours[p.get("class").split()[-1]] for p in paths] == list(wanted)
  for path, dot, row in zip(paths, drawing.iter("circle"), wanted):
    points = re.findall(r"([\d.]+) ([\d.]+)", path.get("d"))
    x, y = np.asarray(points, float).T
    np.testing.assert_allclose(
      [axis.value(place) for place in y], wanted[row], atol=0.1 * axis.pixel
    )
    steps = np.diff(x)
    np.testing.assert_allclose(steps, steps.mean(), atol=0.11)
    assert dot.find("title").text == (
      f"{row} at {x_name} {last_x:g}: {wanted[row][-1]:.4g}"
    )
