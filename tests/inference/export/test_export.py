"""A trained network taken away and brought back."""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import re
import resource
import shutil
import subprocess
import sys

import jax
import numpy as np
import pytest
import trained_fixture

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.config import schema as config_lib
from bgm2pose_jax.inference import export
from bgm2pose_jax.inference.export import (
  card,
  lowering,
  reload,
  run_exported,
  writing,
)
from bgm2pose_jax.state import checkpoint
from bgm2pose_jax.systems import registry
from bgm2pose_jax.systems.bgm2pose import trained
from bgm2pose_jax.systems.bgm2pose.features.normalisation import OwnStatistics
from bgm2pose_jax.systems.bgm2pose.system import SYSTEM

pytestmark = pytest.mark.usefixtures("quick_compiling")


@pytest.fixture(scope="module")
def made(tmp_path_factory, quick_compiling):
  """A network, its export, and how far apart the two are."""
  folder = tmp_path_factory.mktemp("export")
  run = trained_fixture.make_run(
    folder / "run", model="speech2gesture", feature_norm="per_recording"
  )
  model = trained.load(str(run))
  with pytest.MonkeyPatch.context() as patch:
    patch.setenv("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")
    worst = export.write(model, folder / "out")
  assert not (folder / "out.part").exists()
  return model, folder / "out", worst


@pytest.mark.slow
def test_every_program_runs_without_the_package(made):
  _, out, worst = made
  assert worst.keys() == {
    "from_features",
    "from_audio",
    "statistics_from_features",
    "statistics_from_audio",
  }
  assert 0 < max(worst.values()) < 1e-5
  done = subprocess.run(
    ["sha256sum", "-c", "SHA256SUMS"], cwd=out, capture_output=True, text=True
  )
  assert done.returncode == 0
  assert done.stdout.count(": OK") == len(list(out.iterdir())) - 1
  # Nothing says where it was made.
  for path in out.iterdir():
    assert str(pathlib.Path(export.__file__).parents[3]).encode() not in (
      path.read_bytes()
    ), path.name


@pytest.mark.slow
def test_what_is_not_the_network_is_found_out(made, monkeypatch):
  model, out, _ = made
  programs = lowering.programs(model)
  once = [dataclasses.replace(x, batches=(1,)) for x in programs]
  monkeypatch.setattr(reload.lowering, "programs", lambda model: once)
  params = jax.tree.map(lambda x: x * 1.001, model.state.params)
  other = dataclasses.replace(model, state=model.state.replace(params=params))
  with pytest.raises(InputError, match="from_features, batch 1: pose differs"):
    reload.compare(other, out)


def test_a_script_that_wants_the_package_is_found_out(made, tmp_path):
  _, out, _ = made
  folder = shutil.copytree(out, tmp_path / "copy")
  script = folder / "run_exported.py"
  script.write_text("import flax\n" + script.read_text())
  with pytest.raises(InputError, match="flax is refused here"):
    reload.run(folder, {})


def _flip(folder):
  path = folder / "from_audio.stablehlo"
  content = bytearray(path.read_bytes())
  content[len(content) // 2] ^= 1
  path.write_bytes(content)


@pytest.mark.parametrize(
  ("harm", "said"),
  [
    (_flip, r"from_audio\.stablehlo was changed"),
    (
      lambda folder: (folder / "model.safetensors").unlink(),
      r"model\.safetensors is missing",
    ),
    (lambda folder: (folder / "more").write_text(""), "more is extra"),
    (lambda folder: (folder / "SHA256SUMS").unlink(), "holds no SHA256SUMS"),
    (
      lambda folder: (folder / "SHA256SUMS").write_text("x\n"),
      "is extra|was changed|is missing",
    ),
  ],
)
def test_a_folder_that_was_touched_is_refused(made, tmp_path, harm, said):
  _, out, _ = made
  folder = shutil.copytree(out, tmp_path / "copy")
  assert export.read(folder).facts["simulated"] is True
  harm(folder)
  with pytest.raises(InputError, match=said):
    export.read(folder)


@pytest.mark.slow
def test_there_and_back_bit_for_bit(made, tmp_path):
  model, out, _ = made
  export.restore(export.read(out), tmp_path / "back", registry.of_model)
  again = trained.load(str(tmp_path / "back"))
  ours, theirs = writing.weights(model), writing.weights(again)
  assert ours.keys() == theirs.keys()
  for name, array in ours.items():
    assert array.dtype == theirs[name].dtype, name
    assert array.tobytes() == theirs[name].tobytes(), name
  for name in ("config", "spec", "step", "tracks", "simulated", "layout"):
    assert getattr(again, name) == getattr(model, name), name
  assert again.ambisonic_format == model.ambisonic_format == "ambix"
  # Another run starts from it.
  task = SYSTEM.make_task(model.config, model.facts)
  statistics = jax.device_get(model.state.statistics)
  fresh = trained_fixture.drawn_state(task.state_shapes(statistics), 9)
  started = checkpoint.load_weights(str(tmp_path / "back"), fresh)
  for a, b in zip(
    jax.tree.leaves(started.params), jax.tree.leaves(model.state.params)
  ):
    np.testing.assert_array_equal(a, b)
  with pytest.raises(InputError, match="exists already"):
    export.restore(export.read(out), tmp_path / "back", registry.of_model)


@pytest.mark.slow
def test_the_script_gives_a_recording_its_own_statistics(made, tmp_path):
  model, out, _ = made
  windows = trained_fixture.make_windows(model.spec, 3, seed=4)
  np.savez(tmp_path / "in.npz", features=windows)
  done = subprocess.run(
    [
      *(sys.executable, "-I", "-B", str(out / "run_exported.py")),
      *("in.npz", "out.npz"),
    ],
    cwd=tmp_path,
    env=os.environ | {"JAX_DISABLE_MOST_OPTIMIZATIONS": "1"},
    capture_output=True,
    text=True,
  )
  assert done.returncode == 0, done.stderr
  assert "statistics_from_features: over all windows given" in done.stderr
  own = OwnStatistics(model.spec, model.layout)
  own.add(windows.reshape(-1, *windows.shape[2:]))
  rows = {name: np.stack([x] * 3) for name, x in own.row().items()}
  with np.load(tmp_path / "out.npz") as found:
    np.testing.assert_allclose(
      found["pose"], model.predict(windows, rows), atol=1e-4
    )


@pytest.mark.parametrize(
  ("given", "said"),
  [
    ({"features": np.zeros((2, 12, 64, 9))}, r"wanted \[2, 12, 128, 9\]"),
    ({"features": np.zeros((0, 12, 128, 9))}, r"features is \[0, 12"),
    ({"recording": np.zeros((2, 4, 28800))}, "music is missing"),
    (
      {
        "features": np.zeros((1, 12, 128, 9)),
        "music_std": np.ones((1, 128, 2)),
      },
      "audio_mean is missing",
    ),
    ({}, "music is missing"),
  ],
)
def test_inputs_that_do_not_fit_are_named(made, given, said):
  _, out, _ = made
  with pytest.raises(ValueError, match=said):
    run_exported.predict(given, out)


def test_the_snippet_of_the_card_runs(made, monkeypatch):
  _, out, _ = made
  text = (out / "MODEL_CARD.md").read_text()
  (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
  monkeypatch.chdir(out)
  space: dict = {}
  exec(code, space)
  assert space["pose"].shape == (2, 12, 21, 3)


def test_the_card_says_what_kind_of_data_it_was(made):
  _, out, _ = made
  text = (out / "MODEL_CARD.md").read_text()
  assert "TRAINED ON SIMULATED RECORDINGS" in text
  assert "AmbiX gains (SN3D)" in text
  assert "nothing is known about its errors" in text
  facts = json.loads((out / "config.json").read_text())
  recorded = facts | {"simulated": False, "ambisonic_format": None}
  text = card.render(SYSTEM, recorded, None)
  assert "SIMULATED RECORDINGS" not in text
  assert "the gains are not known" in text
  with pytest.raises(InputError, match="is no run's"):
    card.render(SYSTEM, facts, {"rmse": 1.0})


@pytest.mark.long
@pytest.mark.parametrize(
  ("norm", "features"),
  [("track_channel", "logmel_intensity"), ("per_band", "music_kernel")],
)
def test_other_statistics_and_features(tmp_path, norm, features):
  run = trained_fixture.make_run(
    tmp_path / "run",
    model="speech2gesture",
    feature_norm=norm,
    features=features,
  )
  model = trained.load(str(run))
  for program in lowering.programs(model):
    assert ("track" in program.inputs) == (norm == "track_channel")
    still = features == "music_kernel" and program.name == "from_audio"
    assert ("still" in program.inputs) == still
    lowered = jax.export.deserialize(bytearray(lowering.lower(program)))
    assert lowered.platforms == lowering.PLATFORMS
    given, wanted = reload.case(model, program, 4)
    found = np.asarray(lowered.call(given)["pose"])
    scale = np.abs(wanted["pose"]).max()
    np.testing.assert_allclose(found, wanted["pose"], atol=1e-5 * scale)
    if norm == "track_channel":
      # Tracks -1, 0, 1, -1 of two: they do matter.
      first = given | {"track": np.zeros(4, np.int32)}
      moved = np.abs(np.asarray(lowered.call(first)["pose"]) - found)
      assert moved.max(axis=(1, 2, 3)).argmin() == 1


def test_a_full_disk_leaves_nothing(made, tmp_path):
  model, out, _ = made
  before = resource.getrlimit(resource.RLIMIT_FSIZE)
  resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, before[1]))
  try:
    with pytest.raises(InputError, match="cannot be written"):
      export.write(model, tmp_path / "out")
    with pytest.raises(InputError, match="cannot be made"):
      export.restore(export.read(out), tmp_path / "back", registry.of_model)
  finally:
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
  assert list(tmp_path.iterdir()) == []


def test_float64_is_refused(made, tmp_path):
  model, _, _ = made
  config = config_lib.overlay(model.config, {"run.compute_dtype": "float64"})
  with pytest.raises(InputError, match="computes in float64"):
    export.write(dataclasses.replace(model, config=config), tmp_path / "out")


ONE_AFTER_ANOTHER = """
import json, os, sys
from absl import app, flags
from bgm2pose_jax import export as command

command.define_flags(flags.FLAGS)
for given in json.loads(sys.argv[1]):
  child = os.fork()
  if not child:
    app.run(command.main, ["export", *given])
  print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), file=sys.stderr)
"""


@pytest.mark.slow
def test_one_line_and_code_2(made, tmp_path):
  model, out, _ = made
  untrained = trained_fixture.make_run(
    tmp_path / "untrained", model="wipose", step=0
  )
  touched = shutil.copytree(out, tmp_path / "touched")
  _flip(touched)
  new = f"--out={tmp_path / 'new'}"
  cases = [
    ([new], "give one of them"),
    ([f"--checkpoint={model.folder}"], "--out: is missing"),
    (["--checkpoint=nowhere", new], "no such folder"),
    ([f"--checkpoint={untrained}", new], "weights that were never trained"),
    ([f"--checkpoint={model.folder}", f"--out={out}"], "exists already"),
    ([f"--from_export={touched}", new], "from_audio.stablehlo was changed"),
    ([f"--from_export={untrained}", new], "holds no SHA256SUMS"),
    ([f"--from_export={out}", "--out=gs://b/x"], "mount the bucket"),
  ]
  asked = json.dumps([flags for flags, _ in cases])
  done = subprocess.run(
    [sys.executable, "-c", ONE_AFTER_ANOTHER, asked],
    capture_output=True,
    text=True,
  )
  lines = done.stderr.splitlines()
  ends = [i for i, line in enumerate(lines) if line.lstrip("-").isdecimal()]
  assert len(ends) == len(cases), done.stderr
  for end, (flags, said) in zip(ends, cases):
    assert lines[end] == "2", flags
    assert lines[end - 1].startswith("error: "), flags
    assert said in lines[end - 1]
  assert "Traceback" not in done.stderr
  assert not (tmp_path / "new").exists()


def test_the_standalone_script_is_the_packages_own(made):
  _, out, _ = made
  source = pathlib.Path(run_exported.__file__).read_text()
  assert (out / "run_exported.py").read_text() == source
  assert "bgm2pose" not in source
