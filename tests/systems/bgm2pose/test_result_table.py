from __future__ import annotations

import re

import numpy_figures
import pytest
import report_case
from results_fixture import make_results

from bgm2pose_jax.systems.bgm2pose import result_table as table


def test_first_line_names_data_setting_fold_tracks_and_subjects():
  first = table.render(make_results()).splitlines()[0]
  assert first == (
    "SIMULATED DATA (ampl/simulated): single, fold 2, seed 0, test track haze, "
    "test subject s1, 12 windows of 0.6 s"
  )
  real = table.render(make_results(simulated=False, dataset="ampl/raw"))
  assert real.startswith("RECORDED DATA (ampl/raw)")


def test_rows_stand_in_order_with_change_against_the_mean_pose():
  text = table.render(make_results())
  names = ("mean pose", "music only, ridge", "ridge, 5 frames", "bgm2pose")
  places = [text.index("\n" + name) for name in names]
  assert places == sorted(places)
  in_cm, paper = (
    line.split()
    for line in text.splitlines()
    if line.startswith("bgm2pose, demo")
  )
  assert in_cm[2:] == ["7.5", "+25.0", "%", *["7.5"] * 4]
  assert paper[2:] == ["0.750", "0.375", "0.512", "+25.0", "%"]
  assert "MPJPE 7.0 to 8.0 cm" in text
  assert "21.0 to 29.0 %" in text
  assert "RMSE 0.700 to 0.800" in text
  assert "20.0 to 30.0 %" in text


def test_columns_line_up():
  lines = table.render(make_results()).splitlines()
  rule = [n for n, x in enumerate(lines) if x.startswith("---")][-1]
  ends = {lines[rule + k].index(" 0.512") for k in range(1, 5)}
  assert len(ends) == 1


def test_one_block_and_no_ground_truth():
  single = make_results(
    interval_95={"blocks": 1, "mpjpe_cm": None, "rmse": None}
  )
  assert "95 %" not in table.render(single)
  text = table.render(make_results(rmse=None))
  assert text.startswith("SIMULATED DATA")
  assert "predictions only" in text


def test_control_characters_do_not_reach_the_terminal():
  text = table.render(make_results(test_subjects=["s\x1b[2J1\n2"]))
  assert "\x1b" not in text
  assert "s?[2J1?2" in text.splitlines()[0]


@pytest.fixture(scope="module")
def case():
  return report_case.make_case()


def _cells(line):
  return re.split(r" {2,}", line.strip())


def _below(lines, title):
  """Head and rows of the grid below a line; row -> cells."""
  start = lines.index(title) + 1
  head, rule, *rows = lines[start : start + 2 + len(report_case.ROWS)]
  assert set(rule) == {"-"}
  return _cells(head), {_cells(row)[0]: _cells(row)[1:] for row in rows}


def test_figures_of_the_case_all_differ(case):
  for found in (
    [numpy_figures.figures(p, case.target) for p in case.poses.values()],
    numpy_figures.joint_figures(case.poses["model"], case.target).values(),
    numpy_figures.part_figures(case.poses["model"], case.target).values(),
  ):
    rows = [numpy_figures.printed(row) for row in found]
    for line in (*rows, *zip(*rows)):
      assert len(set(line)) == len(line)


def test_every_figure_is_that_of_the_poses(case):
  lines = table.render(case.results).splitlines()
  head, rows = _below(lines, "In the paper's unit, hip-spine lengths")
  assert head == ["RMSE", "MAE", "PCKh@0.5", "RMSE better by", "MAE better by"]
  assert list(rows) == list(report_case.ROWS)
  still = numpy_figures.figures(case.poses["mean_pose"], case.target)
  signs = set()
  for label, name in report_case.ROWS.items():
    row = numpy_figures.figures(case.poses[name], case.target)
    wanted = numpy_figures.printed(row)
    if name != "mean_pose":
      for key in ("rmse", "mae"):
        change = numpy_figures.gain_pct(row[key], still[key])
        wanted.append(f"{change:+.1f} %")
        signs.add(wanted[-1][0])
    assert rows[label] == wanted
  assert signs == {"+", "-"}


def test_centimetres_of_the_body_and_its_parts_are_those_of_the_poses(case):
  lines = table.render(case.results).splitlines()
  title = "Error in centimetres (MPJPE), and of the parts of the body"
  head, rows = _below(lines, title)
  assert head == [
    *("MPJPE cm", "better than mean pose", "arms", "legs", "torso", "hands")
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
      *([] if name == "mean_pose" else [f"{better:+.1f} %"]),
      *map(numpy_figures.printed_cm, parts.values()),
      numpy_figures.printed_cm(hands),
    ]


def test_a_run_of_before_has_the_paper_s_figures_alone():
  old = make_results()
  for row in (old, old["mean_pose"], old["ridge"], old["music_only"]):
    del row["mpjpe_cm"]
  text = table.render(old)
  assert "centimetres" not in text
  assert "9.21" not in text
  assert "0.750" in text


def test_intervals_are_those_of_the_poses(case):
  wanted = report_case.intervals(case)
  low, high = (
    {name: f"{pair[side]:.3f}" for name, pair in wanted.items()}
    for side in (0, 1)
  )
  below, in_cm, cm = (
    [f"{end:.1f}" for end in wanted[key]]
    for key in ("rmse_gain", "mpjpe_cm_gain", "mpjpe_cm")
  )
  text = table.render(case.results)
  assert (
    "\n95 % interval over 4 stretches of about 30 s: MPJPE "
    f"{cm[0]} to {cm[1]} cm,\nbetter than the mean pose by {in_cm[0]} to "
    f"{in_cm[1]} %.\n"
  ) in text
  assert (
    "\n95 % interval over 4 stretches of about 30 s: "
    f"RMSE {low['rmse']} to {high['rmse']}, MAE {low['mae']} to "
    f"{high['mae']},\nPCKh@0.5 {low['pckh50']} to {high['pckh50']}; RMSE "
    f"better than the mean pose by {below[0]} to {below[1]} %.\n"
  ) in text
