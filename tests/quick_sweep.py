"""A sweep whose runs are a quick script instead of the main command."""

from __future__ import annotations

import pathlib

ROOT = pathlib.Path(__file__).parents[1]
# Takes the main command's flags, notes that it ran, fails where told to.
SCRIPT = """
import itertools, json, os, pathlib, sys, time
given = dict(x[2:].split("=", 1) for x in sys.argv[1:])
here = pathlib.Path(__file__).parent
folds = given.get("folds", given.get("fold")).split(",")
seeds = given.get("seeds", given.get("seed")).split(",")
for fold, seed in itertools.product(folds, seeds):
  work = given["workdir"].replace("{fold}", fold).replace("{seed}", seed)
  work = pathlib.Path(work)
  work.mkdir(parents=True, exist_ok=True)
  if (work / "results.json").exists():
    continue
  with (here / "ran.txt").open("a") as ran:
    ran.write(f"fold{fold}-seed{seed}\\n")
  (work / "environment.json").write_text(json.dumps(
    {"cores": sorted(os.sched_getaffinity(0)), **os.environ}
    if hasattr(os, "sched_getaffinity") else dict(os.environ)
  ))
  if (here / f"fails-fold{fold}-seed{seed}").exists():
    print("before the end")
    sys.exit(f"error: fold {fold}, seed {seed} fails")
  while (here / f"waits-fold{fold}-seed{seed}").exists():
    time.sleep(0.02)
  (work / "results.json").write_text("{}")
"""


def make_runs(folds=2, seeds=2):
  """Runs of one cell, in the order of their folds and seeds."""
  from launch.sweep.run import Run

  return [
    Run(
      name=f"single-haze-ridge-fold{fold}-seed{seed}",
      table="grid",
      row="ridge",
      column="single",
      keys={"setting": "single", "track": "haze"},
      fold=fold,
      seed=seed,
      model="ridge",
      ablation="none",
      flags=("--model=ridge", f"--fold={fold}", f"--seed={seed}"),
    )
    for fold in range(folds)
    for seed in range(seeds)
  ]


def make_book(folder: pathlib.Path, *, group=False, folds=2, seeds=2):
  """A saved book in `folder`/sweep whose command lies beside it."""
  from launch.sweep import book

  (folder / "command.py").write_text(SCRIPT)
  made = book.make(
    folder / "sweep",
    make_runs(folds, seeds),
    (),
    group=group,
    command=("python", str(folder / "command.py")),
  )
  book.save(made)
  return made


def ran(folder: pathlib.Path) -> list[str]:
  """Runs the script began, in order."""
  path = folder / "ran.txt"
  return path.read_text().split() if path.exists() else []
