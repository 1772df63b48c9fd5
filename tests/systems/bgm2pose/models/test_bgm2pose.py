from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from model_contract import check_contract

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.nn.blocks import merge_bands
from bgm2pose_jax.systems.bgm2pose import presets
from bgm2pose_jax.systems.bgm2pose.models import registry
from bgm2pose_jax.systems.bgm2pose.models.bgm2pose import (
  BGM2Pose,
  BGM2PoseConfig,
)

pytestmark = pytest.mark.usefixtures("quick_compiling")

SIZES = {"audio_channels": 11, "music_channels": 2, "bands": 16, "frames": 4}


def _inputs(batch=3, frames=4, bands=16):
  keys = jax.random.split(jax.random.key(7), 3)
  return [
    jax.random.normal(keys[0], (batch, frames, bands, 11)),
    jax.random.normal(keys[1], (batch, frames, bands, 2)),
    jax.random.normal(keys[2], (batch, frames, 21, 3)),
  ]


@pytest.mark.parametrize(
  ("config", "dtype"),
  [
    (BGM2PoseConfig(width=0.125, dropout=0.1), jnp.float32),
    (BGM2PoseConfig.official(width=0.25), jnp.float32),
    (BGM2PoseConfig(width=0.125, stem_pool=2), jnp.bfloat16),
  ],
  ids=["paper", "official", "pooled-bfloat16"],
)
def test_contract(config, dtype):
  def build(rngs):
    return BGM2Pose(config, **SIZES, rngs=rngs, dtype=dtype)

  if dtype == jnp.bfloat16:
    model = build(nnx.Rngs(0))
    out = model(*_inputs(), keys=jax.random.split(jax.random.key(0), 3))
    assert out.pose.dtype == out.audio_embedding.dtype == jnp.float32
    assert np.isfinite(out.pose).all()
    return
  check_contract(build, _inputs(), (3, 4, 21, 3))


@pytest.mark.parametrize(
  "config", [BGM2PoseConfig(), BGM2PoseConfig.official()]
)
def test_parameter_counts_of_the_published_network(config):
  model = nnx.eval_shape(
    lambda: BGM2Pose(
      config,
      audio_channels=11,
      music_channels=2,
      bands=128,
      frames=12,
      rngs=nnx.Rngs(0),
    )
  )
  params = nnx.as_pure(nnx.state(model, nnx.Param))
  heads = sum(x.size for x in jax.tree.leaves(params.pop("contrastive")))
  rest = sum(x.size for x in jax.tree.leaves(params))
  assert (rest, heads, rest + heads) == (8_468_863, 579_328, 9_048_191)


@pytest.mark.slow
@pytest.mark.parametrize(
  "preset", [pytest.param("paper", marks=pytest.mark.long), "official"]
)
def test_presets_go_forward_and_back_at_full_width(preset):
  network = presets.get_config(preset).network
  assert network["width"] == 1.0
  sizes = {**SIZES, "bands": 128, "frames": 12}
  model = registry.build("bgm2pose", network, **sizes, rngs=nnx.Rngs(0))
  graph, params, rest = nnx.split(model, nnx.Param, ...)
  params, rest = nnx.as_pure(params), nnx.as_pure(rest)
  inputs = _inputs(batch=2, frames=12, bands=128)
  keys = jax.random.split(jax.random.key(1), 2)

  @jax.jit
  def gradients(params):
    def loss(params):
      out = nnx.merge(graph, params, rest, copy=True)(*inputs, keys=keys)
      similarity = out.audio_embedding @ out.pose_embedding.T
      return jnp.square(out.pose - inputs[-1]).mean() + similarity[0, 1]

    return jax.value_and_grad(loss)(params)

  value, grads = gradients(params)
  assert np.isfinite(value)
  for path, grad in jax.tree_util.tree_leaves_with_path(grads):
    name = jax.tree_util.keystr(path)
    assert np.isfinite(grad).all(), name
    assert np.any(grad) or "key_bias" in name, name


def _quiet_model(config):
  """Without dropout, but normalising by the batch: an untrained network's
  running variances shrink its signal to nothing."""
  model = BGM2Pose(config, **SIZES, rngs=nnx.Rngs(0))
  return nnx.view(model, use_running_average=False, deterministic=True)


def test_pose_argument_leaves_prediction_alone():
  model = _quiet_model(BGM2PoseConfig(width=0.125))
  audio, music, pose = _inputs()
  with_pose, without = model(audio, music, pose), model(audio, music)
  np.testing.assert_array_equal(with_pose.pose, without.pose)
  assert without.audio_embedding is None
  assert with_pose.pose_embedding.shape == (3, 32)


def test_ablations_drop_what_they_name():
  audio, music, pose = _inputs()
  plain = _quiet_model(BGM2PoseConfig(width=0.125, frequency_attention=False))
  assert plain.music_stem is None
  assert plain.frequency_attention is None
  deaf = _quiet_model(BGM2PoseConfig(width=0.125, music_conditioning=False))
  assert deaf.music_stem is None
  for model in (plain, deaf):
    first = model(audio, music).pose
    np.testing.assert_array_equal(first, model(audio, music * 0).pose)
  hears = _quiet_model(BGM2PoseConfig(width=0.125))
  assert (
    np.abs(hears(audio, music).pose - hears(audio, music * 0).pose).max() > 1e-3
  )
  single = _quiet_model(BGM2PoseConfig(width=0.125, contrastive=False))
  assert single(audio, music, pose).audio_embedding is None


def test_attention_reading_changes_the_network():
  audio, music, _ = _inputs()
  base = _quiet_model(BGM2PoseConfig(width=0.25))(audio, music).pose
  for change in (
    {"fa_query": "music"},
    {"fa_heads": 2},
    {"fa_residual": True},
    {"tf_merge": "view"},
  ):
    other = _quiet_model(BGM2PoseConfig(width=0.25, **change))
    assert np.abs(other(audio, music).pose - base).max() > 1e-3, change


def test_small_heads_keep_sixteen_channels():
  narrow = _quiet_model(BGM2PoseConfig.official(width=0.25))
  assert narrow.frequency_attention.attention.heads == 2
  assert narrow.contrastive.audio_attention.heads == 4
  wide = nnx.eval_shape(
    lambda: BGM2Pose(BGM2PoseConfig.official(), **SIZES, rngs=nnx.Rngs(0))
  )
  assert wide.frequency_attention.attention.heads == 8


def test_merge_permute_keeps_frames_apart_and_view_does_not():
  b, t, f, c = 2, 4, 8, 3
  x = np.random.default_rng(0).normal(size=(b, t, f, c)).astype(np.float32)
  permuted = np.asarray(merge_bands(jnp.asarray(x), "permute"))
  for frame in range(t):
    np.testing.assert_array_equal(
      permuted[:, frame], x[:, frame].swapaxes(1, 2).reshape(b, -1)
    )
  # The published code's reshape of [b, c, t, f] to [b, c f, t].
  viewed = np.asarray(merge_bands(jnp.asarray(x), "view"))
  first = x.transpose(0, 3, 1, 2).reshape(b, c * f, t)
  np.testing.assert_array_equal(viewed, first.swapaxes(1, 2))


@pytest.mark.parametrize(
  "fields",
  [
    {"fa_query": "both"},
    {"tf_merge": "flip"},
    {"width": 0.0},
    {"dropout": 1.0},
    {"fa_heads": 0},
    {"widht": 1.0},
    {"width": "wide"},
    {"contrastive": 1},
  ],
)
def test_bad_fields_are_refused(fields):
  with pytest.raises(InputError, match=r"network\."):
    registry.make_config("bgm2pose", fields)


def test_registry_builds_by_name():
  model = registry.build(
    "bgm2pose", {"width": 0.125}, **SIZES, rngs=nnx.Rngs(0)
  )
  assert model.config.width == 0.125
  with pytest.raises(InputError, match="choose one of bgm2pose"):
    registry.make_config("wavenet", {})


@pytest.mark.parametrize("sizes", [{"bands": 20}, {"frames": 6}])
def test_sizes_that_cannot_be_halved_are_refused(sizes):
  with pytest.raises(InputError, match="no multiple"):
    BGM2Pose(
      BGM2PoseConfig(width=0.125), **{**SIZES, **sizes}, rngs=nnx.Rngs(0)
    )


def test_training_without_keys_is_refused():
  model = BGM2Pose(BGM2PoseConfig(width=0.125), **SIZES, rngs=nnx.Rngs(0))
  with pytest.raises(ValueError, match="needs keys"):
    model(*_inputs())
