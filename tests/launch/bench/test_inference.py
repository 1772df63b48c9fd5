from __future__ import annotations

import jax
import numpy as np
import pytest
import script_runs

from bgm2pose_jax.config import schema as config_lib
from bgm2pose_jax.evaluation import predict_rows
from bgm2pose_jax.runtime import mesh as mesh_lib
from bgm2pose_jax.systems.bgm2pose import features, presets
from bgm2pose_jax.systems.bgm2pose.task import PoseFromMusic
from bgm2pose_jax.training import steps
from launch.bench import network, timed_predict

pytestmark = pytest.mark.slow

TWIN = """
import torch


class BGM2Pose(torch.nn.Module):
  def __init__(self, width):
    super().__init__()
    self.layer = torch.nn.Linear(9 * 128, 63)

  def forward(self, x, pose):
    assert not self.training and torch.is_inference_mode_enabled()
    return self.layer(x.transpose(1, 2).flatten(2)), None, None
"""


def _config():
  return config_lib.overlay(
    presets.get_config("demo"),
    {
      "network.width": 0.03125,
      "network.stem_pool": 16,
      "network.frequency_attention": False,
      "network.contrastive": False,
    },
  )


@pytest.fixture(scope="module", params=timed_predict.SOURCES)
def ours(request):
  return timed_predict.OurPredict(_config(), 2, request.param)


def test_a_weight_on_the_host_is_refused(ours):
  assert ours().shape == (2, 12, 21, 3)
  assert ours.compiled_once()
  ours._state = jax.device_get(ours._state)
  with pytest.raises(jax.errors.JaxRuntimeError, match="host-to-device"):
    ours()


def test_sound_gives_what_its_features_give():
  config = _config()
  spec = features.get_feature_set("logmel_intensity").spec
  task = PoseFromMusic(config, spec, 1)
  table = network.made_up_windows(2)
  state = task.init_state(0, task.fit(table, np.arange(2)))
  mesh = mesh_lib.make_mesh()
  batch = timed_predict.make_inputs("audio", 2, "recording")
  heard = steps.make_predict_step(timed_predict.FromAudio(task), mesh)
  found = features.extract(*(batch[k] for k in timed_predict._SIGNALS))
  seen = steps.make_predict_step(task, mesh)
  rest = {"recording": batch["recording"]}
  np.testing.assert_allclose(
    heard(state, predict_rows._spread(mesh, batch)),
    seen(state, {"features": found, **rest}),
    atol=1e-3,
  )


def test_rows_beside_a_twin_without_readers(tmp_path):
  pytest.importorskip("torch")
  (tmp_path / "twin.py").write_text(TWIN)
  found = script_runs.figures(
    "launch.bench.inference",
    tmp_path / "rows.json",
    *script_runs.TINY,
    "--width=0.03125",
    "--batch=1,2",
    "--compute_dtype=float32",
    "--source=features",
    "--calls=4",
    "--batch_calls=2",
    "--rounds=2",
    f"--torch_peer={tmp_path / 'twin.py'}",
  )
  ours, peer = found["rows"][:2]
  assert (ours["what"], peer["what"]) == (
    "bgm2pose_jax, features",
    "torch eager",
  )
  assert len(peer["ratio_rounds"]) == 2
  assert ours["windows/s"] == pytest.approx(1e3 / ours["p50 ms"])
  assert ours["p99 ms"] >= ours["p50 ms"]
  assert ours["share"] == pytest.approx(ours["floor ms"] / ours["device ms"])
  ceiling = found["ceilings"]
  assert ours["floor ms"] >= ours["GFLOP"] / ceiling["float32"] * 1e12 * 0.999
  assert [row["batch"] for row in found["rows"]] == [1, 1, 2, 2]
  assert [row["start"] for row in found["cold_start"]] == [
    "nothing kept",
    "programs kept",
    "programs kept, weights restored",
  ]


@pytest.mark.parametrize(
  ("flag", "said"),
  [
    ("--batch=x", "no numbers"),
    ("--source=thought", "choose of features, audio"),
    ("--torch_peer=none.py", "no such file"),
    ("--set=network.widht=1", "network.widht"),
  ],
)
def test_wrong_flags_are_one_line_and_code_2(flag, said):
  done = script_runs.run("launch.bench.inference", flag)
  assert done.returncode == 2
  assert said in done.stderr.splitlines()[-1]
  assert "Traceback" not in done.stderr
