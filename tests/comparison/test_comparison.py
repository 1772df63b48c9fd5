from __future__ import annotations

import csv
import io
import json
import subprocess
import sys

import numpy as np
import pytest
import sweep_fixture as fixture

from bgm2pose_jax import comparison
from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.comparison import grid, notes, pairing, seed_tables
from bgm2pose_jax.comparison.sweep_folder import read_sweep
from bgm2pose_jax.evaluation import bootstrap
from bgm2pose_jax.systems import registry

# (track, fold) -> error of seeds 0, 1, 2. By hand: folds of haze average to
# .3, .4, .5; with tide .4, .5, .6; hence .5 ± .1.
ERRORS = {
  ("haze", 0): (0.2, 0.3, 0.4),
  ("haze", 1): (0.4, 0.5, 0.6),
  ("tide", 0): (0.5, 0.6, 0.7),
}


def lines_of(errors=ERRORS, **changes):
  """Lines of sweep.json with the error of each."""
  row = changes.get("row", "BGM2Pose").replace("/", "-")
  return [
    (
      fixture.entry(
        f"{row}-{changes.get('column', 'single')}-{track}-{fold}-{seed}",
        **{"track": track, "fold": fold, "seed": seed, **changes},
      ),
      error,
    )
    for (track, fold), values in errors.items()
    for seed, error in enumerate(values)
  ]


def make(root, lines, skip=(), **changes):
  fixture.write_sweep(root, [line for line, _ in lines])
  for line, error in lines:
    if line["name"] not in skip:
      fixture.write_run(root, line, error, **changes)


def table_of(root):
  sweep = read_sweep(root, registry.of_model)
  (table,) = seed_tables.build_tables(sweep)
  return sweep, table


def cell_of(table, row="BGM2Pose", column="single"):
  (found,) = [r for r in table.rows if r.label == row]
  return found.cells[column]


def csv_lines(root, name="main"):
  text = (root / "tables" / f"{name}.csv").read_text()
  return list(csv.DictReader(io.StringIO(text)))


def test_folds_then_tracks_then_seeds(tmp_path):
  make(tmp_path, lines_of())
  _, table = table_of(tmp_path)
  cell = cell_of(table)
  np.testing.assert_allclose(cell.mean[1:3], 0.5, rtol=1e-5)
  np.testing.assert_allclose(cell.std[1:3], 0.1, rtol=1e-5)
  tide = next(r for r in table.rows if r.label == "BGM2Pose").places["single"]
  assert tide["tide"].mean[1] == pytest.approx(0.6, rel=1e-5)
  still = cell_of(table, "mean pose")
  assert still.mean[1] == pytest.approx(1.0, rel=1e-5)
  assert still.std is None  # closed form: every seed gives the same
  assert [r.label for r in table.rows[:3]] == [
    "mean pose",
    "music only, ridge",
    "ridge, 5 frames",
  ]


def test_only_whole_seeds_enter_and_failed_runs_are_named(tmp_path):
  lines = lines_of()
  gone = ("BGM2Pose-single-haze-1-1", "BGM2Pose-single-tide-0-2")
  make(tmp_path, lines, skip=gone)
  fixture.write_failure(tmp_path, "job7", [gone[0]], "out of\nmemory", 137)
  (tmp_path / "failed" / "torn.json").write_text("{")
  sweep, table = table_of(tmp_path)
  cell = cell_of(table)
  assert cell.mean[1] == pytest.approx(0.4, rel=1e-5)  # seed 0 alone
  assert cell.std is None
  assert (cell.done, len(cell.asked), cell.seeds) == (7, 9, (0,))
  assert sweep.absent[gone[0]].kind == "failed"
  assert sweep.absent[gone[1]].kind == "not there"
  comparison.write_comparison(tmp_path, registry.of_model)
  text = (tmp_path / "tables" / "main.md").read_text()
  assert "**0.400** (7/9 runs)" in text
  assert f"{gone[0]} failed: exit code 137: out of memory" in text
  assert "1 runs are not there yet" in text
  page = (tmp_path / "tables" / "report.html").read_text()
  assert "failed/torn.json: cannot be read" in page


def test_no_whole_seed_leaves_a_dash(tmp_path):
  lines = lines_of({("haze", 0): (0.2,), ("haze", 1): (0.2,)})
  make(tmp_path, lines, skip=[lines[0][0]["name"]])
  _, table = table_of(tmp_path)
  assert cell_of(table).mean is None
  texts = grid.cell_texts(table.figures, cell_of(table))
  assert (texts[0].value, texts[0].remark) == ("-", "(1/2 runs)")


def of_before(path):
  """Takes centimetres out of results.json, which earlier runs have not."""

  def without(value):
    if not isinstance(value, dict):
      return value
    return {k: without(v) for k, v in value.items() if k != "mpjpe_cm"}

  path.write_text(json.dumps(without(json.loads(path.read_text()))))


def test_a_sweep_of_before_gets_centimetres_from_its_predictions(tmp_path):
  make(tmp_path, lines_of(row="music only", ablation="music_only"))
  wanted = cell_of(table_of(tmp_path)[1], "music only").mean
  for path in tmp_path.glob("runs/*/results.json"):
    of_before(path)
  sweep, table = table_of(tmp_path)
  np.testing.assert_allclose(cell_of(table, "music only").mean, wanted)
  # Nothing is kept of what a baseline predicted.
  texts = grid.cell_texts(table.figures, cell_of(table, "mean pose"))
  assert [text.value for text in texts[:2]] == ["-", "1.000"]
  (said,) = [n for n in notes.notes(sweep, table) if n.startswith("Check")]
  assert "RMSE 50.0 % below the mean pose" in said


def truncate(path):
  path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def pickled(path):
  np.savez(path, pred=np.asarray([{}], object))


def of_another_seed(path):
  found = json.loads(path.read_text())
  path.write_text(json.dumps({**found, "seed": 5}))


def without_mean_pose(path):
  found = json.loads(path.read_text())
  del found["mean_pose"]["rmse"]
  path.write_text(json.dumps(found))


def shifted(path):
  with np.load(path) as file:
    arrays = dict(file)
  np.savez(path, **{**arrays, "pred": arrays["pred"] + 1})


@pytest.mark.parametrize(
  ("name", "damage", "reason"),
  [
    ("results.json", truncate, "results.json: cannot be read"),
    ("results.json", of_another_seed, "has seed=5, asked for was 0"),
    ("results.json", without_mean_pose, "is no whole run's"),
    ("predictions.npz", truncate, "predictions.npz: cannot be read"),
    ("predictions.npz", pickled, "predictions.npz: cannot be read"),
    ("predictions.npz", shifted, "results.json says 3.1"),
    ("predictions.npz", lambda path: path.unlink(), "no such file"),
  ],
)
def test_a_damaged_run_counts_as_missing(tmp_path, name, damage, reason):
  lines = lines_of({("haze", 0): (0.2, 0.4)})
  make(tmp_path, lines)
  damaged = lines[0][0]["name"]
  damage(tmp_path / "runs" / damaged / name)
  sweep, table = table_of(tmp_path)
  assert sweep.absent[damaged].kind == "cannot be used"
  assert sweep.absent[damaged].reason.startswith(f"runs/{damaged}/{name}: ")
  assert reason in sweep.absent[damaged].reason
  assert cell_of(table).mean[1] == pytest.approx(0.4, rel=1e-5)


def test_runs_of_different_data_do_not_share_a_table(tmp_path):
  lines = lines_of({("haze", 0): (0.2, 0.4)})
  make(tmp_path, lines)
  line, error = lines[1]
  fixture.write_run(tmp_path, line, error, fingerprint="other")
  with pytest.raises(InputError, match="digest='other' in table main"):
    read_sweep(tmp_path, registry.of_model)
  fixture.write_run(tmp_path, line, error, recordings_digest="other")
  with pytest.raises(InputError, match="digest='other' in table main"):
    read_sweep(tmp_path, registry.of_model)


def test_features_of_the_same_recordings_share_a_table(tmp_path):
  lines = lines_of({("haze", 0): (0.4,)}, row="maps", ablation="no_fa")
  lines += lines_of({("haze", 0): (0.2,)}, row="kernel", ablation="no_fa")
  fixture.write_sweep(tmp_path, [line for line, _ in lines])
  for line, error in lines:
    made = {"fingerprint": line["row"], "recordings_digest": "same"}
    still = 1.0 if line["row"] == "maps" else 2.0
    fixture.write_run(tmp_path, line, error, still=still, **made)
  sweep, table = table_of(tmp_path)
  assert cell_of(table, "maps").mean[1] == pytest.approx(0.4, rel=1e-5)
  assert cell_of(table, "kernel").mean[1] == pytest.approx(0.2, rel=1e-5)
  # Closed-form rows are of one of them, and it is said of which.
  assert cell_of(table, "mean pose").mean[1] == pytest.approx(1.0, rel=1e-5)
  (said,) = [n for n in notes.notes(sweep, table) if "closed form" in n]
  assert "windows of maps (other rows have other features)" in said


def test_rows_of_the_same_features_have_one_set_of_baselines(tmp_path):
  make(tmp_path, lines_of())
  (said,) = [n for n in notes.notes(*table_of(tmp_path)) if "closed form" in n]
  assert "windows of the model rows;" in said


@pytest.mark.parametrize(
  ("content", "message"),
  [
    ("{", "cannot be read"),
    ('{"runs": []}', "lists no runs"),
    ('{"runs": [3]}', "run 0: is no object"),
    (json.dumps({"runs": [fixture.entry("../x")]}), "no folder's name"),
    (json.dumps({"runs": [fixture.entry("x", seed="0")]}), "has seed='0'"),
    (json.dumps({"runs": [fixture.entry("x", table="a/b")]}), "unknown table"),
    (
      json.dumps({"runs": [fixture.entry("x"), fixture.entry("y")]}),
      "the same place",
    ),
    (
      json.dumps(
        {"runs": [fixture.entry("x"), fixture.entry("x", row="a", seed=1)]}
      ),
      "two different runs",
    ),
  ],
)
def test_a_wrong_list_of_runs_is_refused(tmp_path, content, message):
  (tmp_path / "sweep.json").write_text(content)
  with pytest.raises(InputError, match=message) as caught:
    comparison.write_comparison(tmp_path, registry.of_model)
  assert str(tmp_path / "sweep.json") in str(caught.value)


def test_command_ends_in_one_line(tmp_path):
  ran = subprocess.run(
    [sys.executable, "-m", "bgm2pose_jax.comparison", f"--sweep={tmp_path}"],
    capture_output=True,
    text=True,
    check=False,
  )
  assert ran.returncode == 2
  assert ran.stderr.startswith(f"error: --sweep={tmp_path}: holds no sweep")
  assert ran.stderr.count("\n") == 1


def test_paired_differences_are_numpys():
  rng = np.random.default_rng(0)
  parts, raw = [], []
  metrics = registry.of_model("bgm2pose").figures.metrics

  def sums(poses, target):
    return np.stack([metrics.overall(metrics.sums(p, target)) for p in poses])

  for windows, weight in ((130, 0.75), (90, 0.25)):
    target = rng.normal(0, 1, (windows, 12, 21, 3))
    ours = target + rng.normal(0, 1, (2, *target.shape))
    theirs = target + rng.normal(0, 1.2, (2, *target.shape))
    parts.append(
      bootstrap.PairedWindows(
        sums(ours, target),
        sums(theirs, target),
        np.full(windows, "a"),
        np.arange(windows),
        weight,
      )
    )
    raw.append((target, ours, theirs))
  got = bootstrap.paired_differences(metrics, parts, seed=3, resamples=40)

  def difference(picked):
    total = np.zeros(2)
    for part, (target, ours, theirs), rows in zip(parts, raw, picked):
      for seed in range(2):
        for sign, pred in ((-1, ours[seed]), (1, theirs[seed])):
          error = pred[rows] - target[rows]
          total += (sign * part.weight / 2) * np.asarray(
            [np.sqrt(np.mean(error**2)), np.mean(np.abs(error))]
          )
    return total

  everything = difference([np.arange(130), np.arange(90)])
  draws = np.random.Generator(np.random.Philox(key=[3, 0x626F6F74]))
  picked = []
  for windows, count in ((130, 3), (90, 2)):
    blocks = np.array_split(np.arange(windows), count)
    chosen = draws.integers(0, count, size=(40, count))
    picked.append([np.concatenate([blocks[b] for b in c]) for c in chosen])
  drawn = np.stack([difference([a, b]) for a, b in zip(*picked)])
  assert got["blocks"] == 5
  for column, key in enumerate(("rmse", "mae")):
    assert got[key]["difference"] == pytest.approx(everything[column])
    np.testing.assert_allclose(
      got[key]["interval"], np.percentile(drawn[:, column], [2.5, 97.5])
    )


def test_difference_is_that_of_the_table_and_needs_equal_targets(tmp_path):
  rng = np.random.default_rng(1)
  lines = lines_of() + lines_of(row="w/o CPE", ablation="no_cpe")
  fixture.write_sweep(tmp_path, [line for line, _ in lines])
  for line, error in lines:
    noise = error * rng.normal(1, 0.2, (120, 1, 1, 1))
    more = 0.1 if line["ablation"] == "no_cpe" else 0.0
    fixture.write_run(tmp_path, line, noise + more)
  sweep, table = table_of(tmp_path)
  (found,) = pairing.differences(sweep, table)
  gap = cell_of(table, "w/o CPE").mean - cell_of(table).mean
  (cm, _), (rmse, (low, high)), (mae, _) = found.figures.values()
  np.testing.assert_allclose([cm, rmse, mae], gap[:3])
  assert low < rmse < high
  assert low > 0.05
  assert found.seeds == (0, 1, 2)
  text = notes.difference_text(table, found)
  assert text.startswith(
    "w/o CPE, single: difference to BGM2Pose: MPJPE (cm) +1."
  )

  line, error = lines[-1]
  target = fixture.targets("tide", 0) + np.float32(1)
  fixture.write_run(tmp_path, line, error, target=target)
  (found,) = pairing.differences(*table_of(tmp_path))
  assert found.figures == {}
  assert "have other targets" in found.refused


def test_rows_of_other_folds_are_warned_about_and_not_paired(tmp_path):
  lines = lines_of() + lines_of({("haze", 0): (0.2,)}, row="w/o FA")
  make(tmp_path, lines)
  sweep, table = table_of(tmp_path)
  (found,) = pairing.differences(sweep, table)
  assert found.refused == "they cover other folds or tracks"
  (warning,) = notes.warnings(sweep, table)
  assert warning.startswith("WARNING: single: the rows")


@pytest.mark.parametrize(("error", "warned"), [(0.97, True), (0.99, False)])
def test_music_alone_must_not_beat_the_mean_pose(tmp_path, error, warned):
  lines = lines_of(
    {("haze", 0): (error,)}, row="music only", ablation="music_only"
  )
  make(tmp_path, lines)
  comparison.write_comparison(tmp_path, registry.of_model)
  text = (tmp_path / "tables" / "main.md").read_text()
  assert ("WARNING: music only, single" in text) is warned
  assert f"MPJPE (cm) {100 * (1 - error):.1f} % below the mean pose" in text


@pytest.mark.parametrize(
  ("changes", "label", "is_shown"),
  [
    ({"simulated": False, "dataset": "ampl/raw"}, "AMPL", True),
    ({"simulated": True, "dataset": "ampl/raw"}, "SIMULATED DATA", False),
    (
      {"simulated": False, "dataset": "ampl/raw", "other_tracks": ("waltz",)},
      "OTHER RECORDINGS",
      False,
    ),
    ({"simulated": False, "dataset": "mine"}, "OTHER RECORDINGS", False),
  ],
)
def test_published_figures_only_beside_ampl(tmp_path, changes, label, is_shown):
  one = {("arnor", 0): (0.5,)}
  lines = [
    *lines_of(one),
    *lines_of(one, row="w/o CPE", ablation="no_cpe"),
    *lines_of(one, column="single, 10 dB"),
    *lines_of(one, column="single, 20 dB"),
  ]
  make(tmp_path, lines, **changes)
  comparison.write_comparison(tmp_path, registry.of_model)
  for name in ("main.md", "main.tex", "report.html"):
    text = (tmp_path / "tables" / name).read_text()
    assert label in text
    assert ("0.923" in text) is is_shown
    assert ("published: single" in text) is is_shown
  found = {
    (r["row"], r["column"], r["metric"]): r["mean"]
    for r in csv_lines(tmp_path)
    if r["kind"] == "published"
  }
  if not is_shown:
    assert found == {}
    return
  assert found["BGM2Pose", "single", "mae"] == "0.453"
  assert found["w/o CPE", "single", "pckh50"] == "0.531"
  assert found["BGM2Pose", "single, 10 dB", "rmse"] == "1.202"
  assert not [key for key in found if key[1] == "single, 20 dB"]
