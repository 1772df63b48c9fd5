"""Files of PyTorch, and whole networks at full width; skipped without it."""

from __future__ import annotations

import importlib
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
from bgm2pose_jax.files import torch_file
from bgm2pose_jax.nn.views import views
from bgm2pose_jax.state import checkpoint
from bgm2pose_jax.systems.bgm2pose import convert, features
from bgm2pose_jax.systems.bgm2pose.config import Config
from bgm2pose_jax.systems.bgm2pose.models import registry
from bgm2pose_jax.systems.bgm2pose.task import PoseFromMusic

torch = pytest.importorskip("torch")

_GOLDEN = pathlib.Path(__file__).parents[1] / "golden"
pytestmark = pytest.mark.filterwarnings("ignore:.*padding='same'.*:UserWarning")

PARAMETERS = {
  "bgm2pose": 8_468_863 + 579_328,
  "acousticpose": 5_630_975,
  "speech2gesture": 5_629_247,
  "wipose": 1_756_767,
}


@pytest.fixture
def make_golden(monkeypatch):
  """The module that makes the references, which imports PyTorch."""
  monkeypatch.syspath_prepend(_GOLDEN)
  return importlib.import_module("make_golden")


@pytest.fixture
def weights():
  return {"a.weight": torch.randn(2, 3), "a.bias": torch.randn(2)}


@pytest.mark.parametrize(
  "wrapped",
  [
    lambda w: w,
    lambda w: {"epoch": 3, "state_dict": w, "optimizer": {"lr": 0.1}},
    lambda w: {"model_state_dict": w},
    lambda w: {f"module.{key}": x for key, x in w.items()},
    lambda w: {"state_dict": {f"module.{k}": x for k, x in w.items()}},
    lambda w: {key: x.double() for key, x in w.items()},
  ],
)
def test_files_as_training_scripts_write_them(weights, wrapped, tmp_path):
  path = tmp_path / "weights.pth"
  torch.save(wrapped(weights), path)
  found = torch_file.read_state_dict(path)
  assert sorted(found) == sorted(weights)
  for key, array in found.items():
    assert array.dtype == np.float32
    np.testing.assert_array_equal(array, weights[key].numpy())


def test_written_files_are_read_back(tmp_path):
  arrays = {
    "weight": np.arange(6, dtype=np.float32).reshape(2, 3).T,
    "num_batches_tracked": np.asarray(4, np.int64),
  }
  torch_file.write_state_dict(tmp_path / "weights.pth", arrays)
  loaded = torch.load(tmp_path / "weights.pth", weights_only=True)
  assert {key: x.dtype for key, x in loaded.items()} == {
    "weight": torch.float32,
    "num_batches_tracked": torch.int64,
  }
  np.testing.assert_array_equal(loaded["weight"].numpy(), arrays["weight"])
  with pytest.raises(InputError, match="cannot be written"):
    torch_file.write_state_dict(tmp_path / "no" / "w.pth", arrays)


@pytest.mark.parametrize(
  ("held", "said"),
  [
    (lambda: torch.nn.Linear(2, 3), "cannot be read as plain weights"),
    (lambda: torch.randn(3), "holds no state_dict, but a Tensor"),
    (lambda: {"epoch": 3, "lr": 0.1}, "no state_dict, but a dict of epoch, lr"),
    (lambda: {}, "no state_dict, but a dict of nothing"),
  ],
)
def test_other_files_are_refused(held, said, tmp_path):
  path = tmp_path / "weights.pth"
  torch.save(held(), path)
  with pytest.raises(InputError, match=said):
    torch_file.read_state_dict(path)
  path.write_text("no weights at all")
  with pytest.raises(InputError, match="cannot be read as plain weights"):
    torch_file.read_state_dict(path)
  with pytest.raises(InputError, match="no such file"):
    torch_file.read_state_dict(tmp_path / "other.pth")


def _convert(*arguments: str) -> str:
  done = subprocess.run(
    [sys.executable, "-m", "bgm2pose_jax.convert", *arguments],
    capture_output=True,
    text=True,
    check=False,
  )
  assert done.returncode == 0, done.stderr
  return done.stdout


def test_both_commands(make_golden, tmp_path):
  network = make_golden.drawn("wipose", 0.0625, 128)
  torch.save(network.state_dict(), tmp_path / "weights.pth")
  said = _convert(
    f"--from_torch={tmp_path / 'weights.pth'}",
    "--model=wipose",
    "--set=network.width=0.0625",
    f"--out={tmp_path / 'made'}",
  )
  assert "parameters of wipose from weights.pth" in said
  _convert(
    f"--to_torch={tmp_path / 'back.pth'}", f"--checkpoint={tmp_path / 'made'}"
  )
  back = torch.load(tmp_path / "back.pth", weights_only=True)
  _assert_same(back, network.state_dict())


@pytest.mark.slow
@pytest.mark.parametrize("model", list(PARAMETERS))
def test_full_width_there_and_back(model, make_golden, tmp_path, capsys):
  network = make_golden.drawn(model, 1.0, 128)
  path = tmp_path / "weights.pth"
  torch.save(network.state_dict(), path)
  origin = convert.make_folder(
    torch_file.read_state_dict(path),
    path,
    tmp_path / "made",
    convert.make_config("official", model, {}),
  )
  assert origin["parameters"] == PARAMETERS[model]
  back = convert.published_names(str(tmp_path / "made"), fill_unused=True)
  torch_file.write_state_dict(tmp_path / "back.pth", back)
  back = torch.load(tmp_path / "back.pth", weights_only=True)
  again = make_golden.drawn(model, 1.0, 128)
  again.load_state_dict(back, strict=True)
  _assert_same(back, network.state_dict())

  # In float32 we are as far from float64 as PyTorch is, about.
  arrays = make_golden.inputs(model, 128, 2)
  exact = _poses(make_golden, again.double(), arrays, torch.float64)
  theirs = _poses(make_golden, again.float(), arrays, torch.float32)
  ours = _predicted(tmp_path / "made", arrays)
  # What tells one window from the other; 1 part in 2,000 of it is rounding's.
  spread = np.abs(exact[0] - exact[1]).max()
  rounding = np.abs(theirs - exact).max() / spread
  difference = np.abs(ours - exact).max() / spread
  with capsys.disabled():
    print(f"\n{model}: {PARAMETERS[model]:,} parameters, poses to", end=" ")
    print(f"{difference:.1e} of the spread, PyTorch's own {rounding:.1e}")
  assert rounding < 5e-4
  assert difference < 10 * rounding


def _poses(make_golden, network, arrays, dtype) -> np.ndarray:
  with torch.inference_mode():
    found = make_golden.call(network, arrays, dtype)
  found = found[0] if isinstance(found, tuple) else found
  return found.double().reshape(2, 12, 21, 3).numpy()


def _assert_same(back, wanted) -> None:
  unused = (
    *("eight_", "ninth_", "tenth_"),
    *("pos_embedding2", "multi_head_attention2", "logit_scale"),
  )
  for key, tensor in wanted.items():
    if not key.startswith(unused):
      assert torch.equal(back[key], tensor), key


def _predicted(folder: pathlib.Path, arrays) -> np.ndarray:
  config = run_folder.read_config(folder, Config)
  spec = features.get_feature_set("logmel_intensity").spec
  task = PoseFromMusic(config, spec, 4)
  template = task.state_shapes(convert.published_statistics(config))
  zeros = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), template)
  state = checkpoint.load_weights(str(folder), zeros)
  network = nnx.eval_shape(
    lambda: registry.build(
      config.model,
      config.network,
      audio_channels=arrays["audio"].shape[-1],
      music_channels=2,
      bands=128,
      frames=12,
      rngs=nnx.Rngs(0),
    )
  )
  graph = nnx.graphdef(views(network)[1])
  network = nnx.merge(graph, state.params, state.model_state)
  music = arrays.get("music", arrays["audio"][..., :2])
  return np.asarray(
    nnx.jit(lambda n, a, m: n(a, m).pose)(network, arrays["audio"], music)
  )
