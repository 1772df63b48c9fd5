"""The command: two sound files and a run to poses, or one line."""

import gc
import json
import pathlib
import shutil

import numpy as np
import numpy_figures
import pytest
import raw_fixture
import soundfile
import trained_fixture
from absl import flags

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.poses.body21 import normalize_pose
from bgm2pose_jax.systems.bgm2pose import trained
from bgm2pose_jax.systems.bgm2pose.predict import __main__ as command
from bgm2pose_jax.systems.bgm2pose.predict import predictor

RATE = 48_000


@pytest.fixture(scope="module")
def place(tmp_path_factory):
  """Models and 3 s of sound, the music 0.5 s in.

  The first has attention to look at, and takes long to compile.
  """
  folder = tmp_path_factory.mktemp("predict")
  trained_fixture.make_run(folder / "bgm2pose")
  for seed in (0, 1):
    trained_fixture.make_run(folder / f"run{seed}", seed=seed, model="wipose")
  rng = np.random.default_rng(0)
  music = 0.1 * rng.normal(size=(int(2.4 * RATE), 2))
  recording = 0.01 * rng.normal(size=(3 * RATE, 4))
  recording[RATE // 2 : RATE // 2 + len(music)] += music.mean(1)[:, None]
  soundfile.write(folder / "r.wav", recording, RATE, subtype="FLOAT")
  soundfile.write(folder / "m.wav", music, RATE, subtype="FLOAT")
  return folder


def _run(folder: pathlib.Path, *more: str, load=trained.load) -> list[str]:
  values = flags.FlagValues()
  command.define_flags(values)
  values(
    [
      "predict",
      f"--recording={folder / 'r.wav'}",
      f"--music={folder / 'm.wav'}",
      f"--out={folder / 'out'}",
      "--offset_ms=500",
      *more,
    ]
  )
  return command.run(values, load)


def _held() -> tuple[int, int, int]:
  """Python objects, open files and threads of this process."""
  gc.collect()
  files, threads = (
    len(list(pathlib.Path(f"/proc/self/{name}").iterdir()))
    for name in ("fd", "task")
  )
  return len(gc.get_objects()), files, threads


def test_predictions_of_one_model_leave_nothing_behind(place):
  model = trained.load(str(place / "run0"))
  held = []
  for _ in range(5):
    _run(place, "--checkpoint=run0", load=lambda _: model)
    held.append(_held())
  objects, files, threads = zip(*held[2:])
  assert max(objects) - objects[0] < 100  # a model loaded again has thousands
  assert len(set(files)) == len(set(threads)) == 1


def test_files_of_an_ensemble(place):
  both = f"--checkpoint={place / 'run0'},{place / 'run1'}"
  said = "\n".join(_run(place, both))
  assert "48 poses from 0.53 s on" in said
  assert "simulated recordings" in said
  with np.load(place / "out" / "poses.npz") as found:
    assert found["pose"].shape == (48, 21, 3)
    assert found["spread"].shape == (48, 21)
    assert found["spread"].min() > 0
    mean = found["pose"]
  one = []
  for seed in (0, 1):
    _run(place, f"--checkpoint={place / f'run{seed}'}", "--formats=npz")
    with np.load(place / "out" / "poses.npz") as found:
      assert "spread" not in found
      one.append(found["pose"])
  np.testing.assert_allclose(mean, (one[0] + one[1]) / 2, atol=1e-5)
  facts = json.loads((place / "out" / "poses.json").read_text())["facts"]
  assert facts["offset_samples"] == RATE / 2
  assert facts["statistics"] == "training"


def test_figures_beside_true_poses_are_of_the_poses_written(place, monkeypatch):
  rng = np.random.default_rng(0)
  positions = raw_fixture.make_positions(3.0, rng)

  def near(self, features, rows):
    """Poses not far from the true ones, without a network to compile."""
    still = normalize_pose(positions[0]).astype(np.float32)
    noise = rng.normal(0, 0.3, (len(features), 12, 21, 3))
    return still + noise.astype(np.float32)

  monkeypatch.setattr(predictor.MusicModel, "predict", near)
  raw_fixture.write_positions(place / "true.csv", positions)
  run = f"--checkpoint={place / 'run0'}"
  said = _run(place, run, f"--poses={place / 'true.csv'}", "--formats=npz")
  with np.load(place / "out" / "poses.npz") as found:
    arrays = dict(found)
  pose, target = arrays["pose"], arrays["target"]
  row = numpy_figures.figures(pose, target)
  # The person's own length, from the file; not AMPL's mean.
  at = [numpy_figures.JOINTS.index(name) for name in ("Hips", "Spine")]
  own_cm = (
    100
    * np.linalg.norm(
      positions[: 4 * 72, at[1]] - positions[: 4 * 72, at[0]], axis=-1
    ).mean()
  )
  row["mpjpe_cm"] *= own_cm / 9.21
  guess = np.broadcast_to(
    trained.load(str(place / "run0")).mean_pose, pose.shape
  )
  still = numpy_figures.figures(guess, target)
  still["mpjpe_cm"] *= own_cm / 9.21
  first = next(n for n, t in enumerate(said) if "against the true poses" in t)
  in_cm, verdict, paper = said[first : first + 3]
  assert in_cm == (
    f"against the true poses: MPJPE {row['mpjpe_cm']:.1f} cm (the person's own "
    f"hip-spine length is {own_cm:.2f} cm); mean pose "
    f"{still['mpjpe_cm']:.1f} cm"
  )
  assert verdict.startswith(f"Joints are off by {row['mpjpe_cm']:.1f} cm")
  assert paper == (
    f"in hip-spine lengths: RMSE {row['rmse']:.4f}, MAE {row['mae']:.4f}, "
    f"PCKh@0.5 {row['pckh50']:.3f}; mean pose RMSE {still['rmse']:.4f}, MAE "
    f"{still['mae']:.4f}, PCKh@0.5 {still['pckh50']:.3f}"
  )
  assert 0.1 < row["pckh50"] < 0.9
  told = json.loads((place / "out" / "metrics.json").read_text())
  assert {key: told[key] for key in row} == pytest.approx(row)
  assert {key: told["mean_pose"][key] for key in still} == pytest.approx(still)
  assert told["hip_spine_cm"] == pytest.approx(own_cm)
  # Specification 2.5: a hip-spine length is 9.21 cm.
  np.testing.assert_allclose(arrays["pose_m"], 0.0921 * pose, rtol=1e-5)


def test_page_of_a_network_with_attention(place):
  _run(place, f"--checkpoint={place / 'bgm2pose'}", "--formats=npz")
  page = (place / "out" / "poses.html").read_text()
  assert "r.wav" in page
  assert "http://" not in page.replace("http://www.w3.org", "")


@pytest.mark.parametrize(
  ("more", "words"),
  [
    (("--checkpoint=nowhere",), "no such folder"),
    (("--hop_ms=70",), "no whole number of frames"),
    (("--statistics=whole",), "trained with per_band"),
    (("--track=techno",), "no statistics of its own"),
    (("--static_response=causal",), "does not fit a model"),
    (("--ambisonic_format=fuma",), "trained on ambix"),
    (("--offset_ms=2900",), "s together with its music"),
    (("--formats=obj",), "format 'obj'"),
    (("--recording=gone.wav",), "--recording=gone.wav: no such file"),
    (("--poses=gone.csv",), "gone.csv"),
  ],
)
def test_refused_with_a_reason(place, more, words):
  with pytest.raises(InputError, match=words):
    _run(place, f"--checkpoint={place / 'run0'}", *more)


def test_own_statistics_as_they_come(tmp_path, place):
  trained_fixture.make_run(
    tmp_path / "run", feature_norm="per_recording", model="wipose"
  )
  found = {}
  for mode in ("whole", "running", "training"):
    _run(
      place,
      f"--checkpoint={tmp_path / 'run'}",
      f"--statistics={mode}",
      "--formats=npz",
    )
    with np.load(place / "out" / "poses.npz") as arrays:
      found[mode] = arrays["pose"]
  # Another way to standardise gives other poses of the same sound.
  for one, other in (("whole", "running"), ("running", "training")):
    assert np.abs(found[one] - found[other]).max() > 1e-3


def test_models_of_one_kind_alone(tmp_path, place):
  trained_fixture.make_run(
    tmp_path / "other", ambisonic_format="fuma", model="wipose"
  )
  both = f"--checkpoint={place / 'run0'},{tmp_path / 'other'}"
  with pytest.raises(InputError, match="has other conventions"):
    _run(place, both)


def test_kernel_models_need_the_still_room(tmp_path, place):
  trained_fixture.make_run(
    tmp_path / "run", features="music_kernel", model="wipose"
  )
  run = f"--checkpoint={tmp_path / 'run'}"
  said = _run(place, run, "--static_response=causal", "--formats=npz")
  assert "48 poses" in "\n".join(said)


def test_memory_does_not_grow_with_windows(place, monkeypatch):
  # As many windows as wanted go through in batches of one shape.
  sizes = set()
  seen = predictor.MusicModel.predict

  def watched(self, features, rows):
    sizes.add(len(features))
    return seen(self, features, rows)

  monkeypatch.setattr(predictor.MusicModel, "predict", watched)
  run = f"--checkpoint={place / 'run0'}"
  _run(place, run, "--hop_ms=50", "--formats=npz")
  assert sizes == {predictor.BATCH}


def test_a_network_of_channels_that_nobody_computes_is_refused(place, tmp_path):
  folder = tmp_path / "old"
  shutil.copytree(place / "run0", folder)
  path = folder / "model.json"
  facts = json.loads(path.read_text())
  facts["spec"]["channels"].pop()
  path.write_text(json.dumps(facts))
  with pytest.raises(InputError, match=r"reads 8 channels of logmel_inten.* 9"):
    _run(place, f"--checkpoint={folder}")
