"""Published weights in and out; PyTorch itself is in test_torch_file."""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.config import run_folder
from bgm2pose_jax.config.tree import parse_assignments
from bgm2pose_jax.state import checkpoint
from bgm2pose_jax.state.step_folders import Best
from bgm2pose_jax.systems.bgm2pose import convert, features
from bgm2pose_jax.systems.bgm2pose.config import Config
from bgm2pose_jax.systems.bgm2pose.features import ampl_statistics
from bgm2pose_jax.systems.bgm2pose.models import registry, torch_weights
from bgm2pose_jax.systems.bgm2pose.models.bgm2pose import BGM2PoseConfig
from bgm2pose_jax.systems.bgm2pose.task import PoseFromMusic

GOLDEN = pathlib.Path(__file__).parents[2] / "golden"
NARROW = parse_assignments(["network.width=0.0625"])


def _shapes(model: str, **fields) -> dict[str, tuple[int, ...]]:
  network = nnx.eval_shape(
    lambda: registry.build(
      model,
      fields,
      audio_channels=11,
      music_channels=2,
      bands=128,
      frames=12,
      rngs=nnx.Rngs(0),
    )
  )
  _, params, rest = nnx.split(network, nnx.Param, ...)
  tree = {"params": nnx.as_pure(params), "model_state": nnx.as_pure(rest)}
  return {
    "/".join(str(part.key) for part in path): leaf.shape
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree)
  }


@pytest.fixture(scope="module")
def published():
  """Every published entry of BGM2Pose, drawn; and which are never run."""
  listed = json.loads((GOLDEN / "bgm2pose_keys.json").read_text())
  rng = np.random.default_rng(0)
  found = {
    key: np.asarray(7)
    if key.endswith("num_batches_tracked")
    else rng.normal(size=shape).astype(np.float32)
    for key, shape in listed["shapes"].items()
  }
  return found, (*listed["unused"], "logit_scale")


@pytest.fixture(scope="module")
def narrow_wipose():
  """Published entries of a narrow WiPose, which fits any number of bands."""
  with np.load(GOLDEN / "wipose.npz") as stored:
    found = {
      key.removeprefix("weights/"): x
      for key, x in stored.items()
      if key.startswith("weights/")
    }
  for key in list(found):
    if key.endswith("running_var"):
      found[key.replace("running_var", "num_batches_tracked")] = np.asarray(5)
  return found


def test_every_published_entry_there_and_back(published):
  found, never_run = published
  shapes = _shapes("bgm2pose")
  arrays, left = torch_weights.from_torch("bgm2pose", found, shapes, "file")
  params = [x.size for k, x in arrays.items() if k.startswith("params/")]
  assert sum(params) == 8_468_863 + 579_328
  assert {key.split(".")[0] for key in left} == set(never_run)
  batches = torch_weights.batches_tracked(found)
  back = torch_weights.to_torch(
    "bgm2pose", arrays, batches=batches, fill_unused=True
  )
  assert {k: x.shape for k, x in back.items()} == {
    k: x.shape for k, x in found.items()
  }
  used = [k for k in found if k.split(".")[0] not in never_run]
  for key in used:
    np.testing.assert_array_equal(back[key], found[key], err_msg=key)
  plain = torch_weights.to_torch("bgm2pose", arrays, batches=batches)
  assert sorted(plain) == sorted(used)


def test_heads_may_stay_out(published):
  found, _ = published
  shapes = _shapes("bgm2pose", contrastive=False)
  arrays, left = torch_weights.from_torch("bgm2pose", found, shapes, "file")
  params = [x.size for k, x in arrays.items() if k.startswith("params/")]
  assert sum(params) == 8_468_863
  assert "cls_token" in left
  with pytest.raises(InputError, match="drop --fill_unused"):
    torch_weights.to_torch("bgm2pose", arrays, batches=0, fill_unused=True)


def test_other_parts_may_not(published):
  found, _ = published
  shapes = _shapes("bgm2pose", frequency_attention=False)
  with pytest.raises(InputError, match=r"multi_head_attention1\.\S+ is unexp"):
    torch_weights.from_torch("bgm2pose", found, shapes, "file")
  zeros = {name: np.zeros(shape) for name, shape in shapes.items()}
  with pytest.raises(InputError, match="without ablation"):
    torch_weights.to_torch("bgm2pose", zeros, batches=0)


def _without(key):
  return lambda found: {k: x for k, x in found.items() if k != key}


def _with(key, change):
  return lambda found: found | {key: change(found.get(key))}


@pytest.mark.parametrize(
  ("change", "said"),
  [
    (_without("cnn2.0.weight"), r"cnn2\.0\.weight is missing, wanted \[8, 8"),
    (
      _with("cnn1.0.weight", lambda x: x[:, :5]),
      r"cnn1\.0\.weight is \[8, 5, 2\], wanted \[8, 6, 2\]",
    ),
    (
      _with("lstm1.weight_hh_l1", lambda x: x * np.nan),
      r"lstm1\.weight_hh_l1 holds 1024 of 1024 values that are not finite",
    ),
    (_with("fc2.0.bias", lambda _: np.ones(3)), r"fc2\.0\.bias is unexpected"),
    (
      _with("cnn.0.1.bias", lambda _: np.ones(8)),
      r"cnn\.0\.1\.bias differs from the same array",
    ),
  ],
)
def test_a_wrong_entry_is_named(narrow_wipose, change, said):
  shapes = {
    name: shape for name, shape in _shapes("wipose", width=1 / 16).items()
  }
  shapes["params/convs/0/kernel"] = (2, 6, 8)
  with pytest.raises(InputError, match=said):
    torch_weights.from_torch("wipose", change(narrow_wipose), shapes, "file")


def test_a_folder_to_start_and_to_predict_from(narrow_wipose, tmp_path):
  source, out = tmp_path / "weights.pth", tmp_path / "made"
  source.write_bytes(b"content")
  config = convert.make_config("official", "wipose", NARROW)
  convert.make_folder(narrow_wipose, source, out, config)
  said = run_folder.read_json(out / "config.json")
  assert run_folder.read_config(out, Config) == config
  assert said["origin"]["file"] == "weights.pth"
  assert said["origin"]["sha256"].startswith("ed7002b439e9ac84")

  # Another run starts from it.
  spec = features.get_feature_set("logmel_intensity").spec
  task = PoseFromMusic(config, spec, len(ampl_statistics.MEAN))
  fresh = task.init_state(0, convert.published_statistics(config))
  started = checkpoint.load_weights(str(out), fresh)
  kernel = np.asarray(started.params["convs"][0]["kernel"])
  np.testing.assert_array_equal(
    kernel, narrow_wipose["cnn1.0.weight"].transpose(2, 1, 0)
  )
  # The whole state is there, and predicts each track by its own constants.
  store = checkpoint.Checkpoints(
    out / "checkpoints", best=Best("validation_rmse")
  )
  assert (store.latest(), store.best()) == (5, None)
  state = store.restore(5, fresh)
  store.close()
  batch = {
    "features": jnp.full((5, 12, 128, 9), -20.0),
    "track": jnp.arange(5),
  }
  pose = np.asarray(jax.jit(task.predict)(state, batch))
  assert len(np.unique(pose[:, 0, 0, 0])) == 5
  # And back, to the bit.
  back = convert.published_names(str(out), fill_unused=True)
  for key, array in narrow_wipose.items():
    np.testing.assert_array_equal(back[key], array)
  assert len(back) == len(narrow_wipose) + sum(
    "cnn" in k for k in narrow_wipose
  )

  with pytest.raises(InputError, match="exists already"):
    convert.make_folder(narrow_wipose, source, out, config)


def test_constants_of_tracks_and_of_all():
  spec = features.get_feature_set("logmel_intensity").spec
  stats = ampl_statistics.stand_alone(spec)
  tracks = list(ampl_statistics.MEAN)
  np.testing.assert_array_equal(
    stats["std"][tracks.index("jazz")],
    np.float32(ampl_statistics.STD["jazz"]),
  )
  # Sounds with those moments, all in one heap.
  rng = np.random.default_rng(0)
  heap = np.concatenate(
    [
      rng.normal(ampl_statistics.MEAN[t][4], ampl_statistics.STD[t][4], 100_000)
      for t in tracks
    ]
  )
  assert stats["mean"][-1, 4] == pytest.approx(heap.mean(), abs=0.3)
  assert stats["std"][-1, 4] == pytest.approx(heap.std(), rel=0.01)


def test_presets_that_standardise_otherwise_are_refused():
  config = convert.make_config("demo", "bgm2pose", {})
  with pytest.raises(InputError, match=r"data\.feature_norm: is per_recording"):
    convert.published_statistics(config)


def test_official_fields_and_no_critic():
  config = convert.make_config("official", "bgm2pose", {})
  official = BGM2PoseConfig.official()
  assert registry.make_config("bgm2pose", config.network) == official
  rival = convert.make_config("official", "acousticpose", {})
  assert rival.network["adversary"] == "off"
  assert rival.network["tf_merge"] == "view"
  with pytest.raises(InputError, match="ridge: has no published weights"):
    convert.make_config("official", "ridge", {})


@pytest.mark.parametrize(
  ("arguments", "said"),
  [
    (
      ["--from_torch=w.pth", "--model=wipose", "--out=made"],
      "error: PyTorch: is not installed; pip install 'bgm2pose-jax[torch]'",
    ),
    (
      ["--to_torch=new.pth", "--checkpoint=nowhere"],
      "error: --checkpoint=nowhere: no such folder;",
    ),
  ],
)
def test_one_line_and_code_2(arguments, said, tmp_path):
  code = (
    "import runpy, sys; sys.modules['torch'] = None;"
    f"sys.argv = ['convert', *{arguments!r}];"
    "runpy.run_module('bgm2pose_jax.convert', run_name='__main__')"
  )
  if "--from_torch=w.pth" in arguments:
    (tmp_path / "w.pth").write_bytes(b"weights")
  done = subprocess.run(
    [sys.executable, "-c", code],
    cwd=tmp_path,
    capture_output=True,
    text=True,
    check=False,
  )
  assert done.returncode == 2, done.stderr
  assert done.stderr.strip().splitlines()[-1].startswith(said)
  assert "Traceback" not in done.stderr
