"""The line that each of several runs gets at the end."""

from __future__ import annotations

import types

import numpy_figures
import report_case

from bgm2pose_jax.systems.bgm2pose.system import SYSTEM
from bgm2pose_jax.training import write_up


def test_each_run_has_a_line_with_the_figures_of_its_poses(capsys):
  cases = [report_case.make_case(swapped=swapped) for swapped in (False, True)]
  plans = [
    types.SimpleNamespace(name=name, workdir=f"/runs/{name}", system=SYSTEM)
    for name in ("seed0", "seed1")
  ]
  write_up.print_all(
    plans, {plan.workdir: case.results for plan, case in zip(plans, cases)}
  )
  wanted = [""]
  for plan, case in zip(plans, cases):
    row = numpy_figures.figures(case.poses["model"], case.target)
    wanted.append(
      f"{plan.name}: MPJPE (cm) {row['mpjpe_cm']:.1f}, RMSE "
      f"{row['rmse']:.3f} "
      f"({plan.workdir})"
    )
  assert capsys.readouterr().out.splitlines() == wanted
