"""Networks that see more of a recording than the window they give poses of."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import linear_case
import numpy as np
import pytest
import trained_fixture
from flax import nnx

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.config import schema as config_lib
from bgm2pose_jax.data import device_cache
from bgm2pose_jax.data import table as table_lib
from bgm2pose_jax.inference.export import lowering, reload
from bgm2pose_jax.nn.views import views
from bgm2pose_jax.runtime import mesh as mesh_lib
from bgm2pose_jax.systems.bgm2pose import features as features_lib
from bgm2pose_jax.systems.bgm2pose import presets, trained
from bgm2pose_jax.systems.bgm2pose.models import registry
from bgm2pose_jax.systems.bgm2pose.system import check
from bgm2pose_jax.systems.bgm2pose.task import PoseFromMusic
from bgm2pose_jax.training import loop, steps

SIZES = {"audio_channels": 3, "music_channels": 2, "bands": 16, "frames": 20}
SPEC = features_lib.get_feature_set("logmel_intensity").spec


@pytest.mark.parametrize(
  ("name", "fields"),
  [
    ("wipose", {}),
    ("speech2gesture", {"tf_merge": "permute"}),
    ("bgm2pose", {"contrastive": False, "stem_pool": 2}),
  ],
)
def test_poses_are_the_middle_of_those_of_a_longer_window(name, fields):
  def run(context):
    model = registry.build(
      name,
      {"width": 1 / 32, **fields},
      **SIZES,
      context=context,
      rngs=nnx.Rngs(0),
    )
    _, in_use = views(model)
    rng = np.random.default_rng(0)
    audio = rng.normal(size=(2, 20, 16, 3)).astype(np.float32)
    music = rng.normal(size=(2, 20, 16, 2)).astype(np.float32)
    return np.asarray(in_use(audio, music).pose)

  whole, part = run(0), run(4)
  assert part.shape == (2, 12, 21, 3)
  np.testing.assert_allclose(part, whole[:, 4:16], rtol=1e-5, atol=1e-6)


class _Around(linear_case.Linear):
  """Sees nothing but the frames around its window."""

  context = 6

  def _flat(self, x):
    assert x.shape[1] == 24
    x = jnp.concatenate([x[:, :6], x[:, -6:]], axis=1)
    return super()._flat(x)


@pytest.mark.parametrize("device_cache", ["on", "off"])
def test_training_and_evaluation_gather_the_frames_around(
  tmp_path, device_cache
):
  config = linear_case.make_config(**{"batch.device_cache": device_cache})
  table, task = linear_case.make_table(), _Around()
  trainer = loop.Trainer(
    config, task, linear_case.Error(), table, mesh_lib.make_mesh()
  )
  rows = np.arange(linear_case.WINDOWS)
  run = linear_case.open_run(trainer, config, rows, tmp_path)
  trainer.run([run])
  got = trainer.predict(run.state, rows)
  run.close()
  # What descent on the gathered frames comes to, batch by batch.
  order = np.concatenate([run.order.table(e) for e in range(2)])
  seen = table_lib.context(table, rows, 6, 6)
  seen = np.concatenate([seen[:, :6], seen[:, -6:]], 1).reshape(-1, 1152) / 2
  target = table.pose.reshape(-1, 63).astype(np.float64)
  weights = np.zeros((1152, 63))
  x = seen.astype(np.float64).reshape(len(rows), 12, 1152)
  target = target.reshape(len(rows), 12, 63)
  for number, batch in enumerate(order):
    epoch = number // linear_case.STEPS
    rate = task.learning_rate(epoch)
    own = x[batch].reshape(-1, 1152)
    gap = own @ weights - target[batch].reshape(-1, 63)
    weights -= rate * 1e-6 * own.T @ gap / len(own)
  want = (x @ weights).reshape(got.shape)
  assert np.abs(want).max() > 0.01
  np.testing.assert_allclose(got, want, rtol=1e-3, atol=1e-5)


def test_the_contrastive_heads_read_the_window_alone():
  """Traced, not run: shapes tell, and compiling takes half a minute."""
  config = config_lib.overlay(
    presets.get_config("demo"),
    {"data.context_frames": 4, "network.width": 1 / 32},
  )
  task = PoseFromMusic(config, SPEC, 2)
  table = trained_fixture.make_table(SPEC)
  statistics = task.fit(table, np.arange(len(table)))
  state = task.state_shapes(statistics)
  heads = state.params["contrastive"]
  assert heads["time_embedding"].shape[0] == SPEC.window_frames + 1
  cache = device_cache.put(table, task.fields, context=True)
  step = steps.make_train_step(task, mesh_lib.make_mesh(), cached=True)
  index = jax.ShapeDtypeStruct((1, 4), np.int32)
  control = steps.make_control(0, 1e-3, 0)
  new, figures = jax.eval_shape(step, state, cache, index, control)
  assert jax.tree.map(jnp.shape, new) == jax.tree.map(jnp.shape, state)
  assert "loss_contrastive" in figures


def test_an_export_wants_the_frames_around(tmp_path):
  folder = trained_fixture.make_run(
    tmp_path / "run", model="wipose", changes={"data.context_frames": 4}
  )
  model = trained.load(str(folder))
  features, sound = lowering.programs(model)[:2]
  assert features.inputs["features"].shape[1] == 20
  assert sound.inputs["recording"].shape[2] == 20 * 2400
  given, wanted = reload.case(model, features, 3)
  assert wanted["pose"].shape == (3, 12, 21, 3)
  lowered = jax.export.deserialize(bytearray(lowering.lower(features)))
  found = np.asarray(lowered.call(given)["pose"])
  scale = np.abs(wanted["pose"]).max()
  np.testing.assert_allclose(found, wanted["pose"], atol=1e-5 * scale)


@pytest.mark.parametrize("frames", [3, 122, -2])
def test_lengths_that_networks_cannot_halve_are_refused(frames):
  with pytest.raises(InputError, match=r"data\.context_frames: is"):
    config_lib.overlay(
      presets.get_config("demo"), {"data.context_frames": frames}
    )


def test_ridge_says_that_it_does_not_follow():
  config = config_lib.overlay(
    presets.get_config("demo", "ridge"), {"data.context_frames": 4}
  )
  with pytest.raises(InputError, match="which ridge does not follow"):
    check(config)
