from __future__ import annotations

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
  line = next(x for x in text.splitlines() if x.startswith("bgm2pose, demo"))
  assert line.split() == [
    *("bgm2pose,", "demo", "0.750", "0.375", "0.512", "-25.0", "%")
  ]
  assert "RMSE 0.700 to 0.800" in text
  assert "20.0 to 30.0 %" in text


def test_columns_line_up():
  lines = table.render(make_results()).splitlines()
  rule = lines.index(next(x for x in lines if x.startswith("---")))
  ends = {lines[rule + k].index(" 0.512") for k in range(1, 5)}
  assert len(ends) == 1


def test_one_block_and_no_ground_truth():
  single = make_results(interval_95={"blocks": 1, "rmse": None})
  assert "95 %" not in table.render(single)
  text = table.render(make_results(rmse=None))
  assert text.startswith("SIMULATED DATA")
  assert "predictions only" in text


def test_control_characters_do_not_reach_the_terminal():
  text = table.render(make_results(test_subjects=["s\x1b[2J1\n2"]))
  assert "\x1b" not in text
  assert "s?[2J1?2" in text.splitlines()[0]
