"""Our networks against PyTorch's, on stored float64 references.

`tests/golden/make_golden.py` made them, of PyTorch modules written from the
networks' description.
"""

from __future__ import annotations

import math
import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from bgm2pose_jax.nn.views import views
from bgm2pose_jax.systems.bgm2pose import losses
from bgm2pose_jax.systems.bgm2pose.models import (
  bgm2pose,
  registry,
  torch_weights,
)

pytestmark = pytest.mark.usefixtures("quick_compiling")

GOLDEN = pathlib.Path(__file__).parents[3] / "golden"
# All in float64, so that a difference is a mistake.
TOLERANCE = 1e-10
# Of the gradient's norm over all parameters: what cancels has only rounding.
FLOOR = 1e-12
FIELDS = {
  "bgm2pose": {"fa_query": "music", "fa_heads": 4, "fa_residual": True},
  "acousticpose": {},
  "speech2gesture": {},
  "wipose": None,
}


def _load(model: str) -> dict[str, np.ndarray]:
  with np.load(GOLDEN / f"{model}.npz") as stored:
    return dict(stored)


def _part(stored: dict[str, np.ndarray], name: str) -> dict[str, np.ndarray]:
  start = f"{name}/"
  return {
    key.removeprefix(start): x
    for key, x in stored.items()
    if key.startswith(start)
  }


def _named(tree) -> dict[str, jax.Array]:
  return {
    "/".join(str(part.key) for part in path): leaf
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree)
  }


def _network(model: str, stored: dict[str, np.ndarray]):
  """Graphs for training and use, and float64 weights by name."""
  fields = {"width": 1 / 16}
  if FIELDS[model] is not None:
    fields |= {"tf_merge": "view", **FIELDS[model]}
  if model == "bgm2pose":
    fields["attention_dropout"] = 0.0
  audio = stored["audio"]
  network = registry.build(
    model,
    fields,
    audio_channels=audio.shape[-1],
    music_channels=2,
    bands=audio.shape[2],
    frames=audio.shape[1],
    rngs=nnx.Rngs(0),
    dtype=jnp.float64,
  )
  _, params, rest = nnx.split(network, nnx.Param, ...)
  tree = {"params": nnx.as_pure(params), "model_state": nnx.as_pure(rest)}
  shapes = {name: x.shape for name, x in _named(tree).items()}
  arrays, left = torch_weights.from_torch(
    model, _part(stored, "weights"), shapes, "golden"
  )
  assert left == []
  leaves = [jnp.float64(arrays[name]) for name in shapes]
  tree = jax.tree.unflatten(jax.tree.structure(tree), leaves)
  return map(nnx.graphdef, views(network)), tree, shapes


def _run(model: str, stored: dict[str, np.ndarray]):
  """Prediction; then outputs, loss, gradients and statistics of training."""
  (train_def, use_def), tree, shapes = _network(model, stored)
  audio, pose = jnp.float64(stored["audio"]), jnp.float64(stored["pose"])
  music = jnp.float64(stored.get("music", stored["audio"][..., :2]))

  @jax.jit
  def run(tree):
    def loss(params):
      network = nnx.merge(train_def, params, tree["model_state"], copy=True)
      out = network(audio, music, pose)
      total = losses.pose_mse(out.pose, pose).mean()
      total += 100 * losses.smoothness(out.pose, pose).mean()
      if out.audio_embedding is not None:
        total += losses.info_nce(
          out.audio_embedding, out.pose_embedding, math.log(1 / 0.07)
        ).mean()
      return total, (out, nnx.as_pure(nnx.state(network, nnx.Not(nnx.Param))))

    used = nnx.merge(use_def, tree["params"], tree["model_state"])
    found = jax.value_and_grad(loss, has_aux=True)(tree["params"])
    return used(audio, music).pose, found

  predicted, ((total, (out, state)), gradients) = run(tree)
  named = _named({"params": gradients, "model_state": state})
  return predicted, out, total, named, shapes


def _largest(found, wanted) -> float:
  """Largest difference as a share of the largest value."""
  found = np.asarray(found).reshape(wanted.shape)
  assert found.dtype == wanted.dtype == np.float64
  return float(np.abs(found - wanted).max() / np.abs(wanted).max())


@pytest.mark.slow
@pytest.mark.parametrize("model", list(FIELDS))
def test_outputs_loss_gradients_and_statistics(model, monkeypatch):
  # So that narrow networks have several heads too.
  monkeypatch.setattr(bgm2pose, "HEAD_CHANNELS", 2)
  stored = _load(model)
  with jax.enable_x64(True):
    predicted, out, total, named, shapes = _run(model, stored)
    assert _largest(predicted, stored["use/pose"]) < TOLERANCE
    for name, wanted in _part(stored, "train").items():
      assert _largest(getattr(out, name), wanted) < TOLERANCE, name
    assert float(total) == pytest.approx(float(stored["loss"]), rel=TOLERANCE)
    _check_gradients(model, stored, named, shapes)
    _check_statistics(model, stored, named, shapes)


def _check_gradients(model, stored, named, shapes):
  of_params = {k: s for k, s in shapes.items() if k.startswith("params/")}
  wanted, left = torch_weights.from_torch(
    model, _part(stored, "gradient"), of_params, "golden"
  )
  assert left == []
  norm = math.sqrt(sum(float(np.square(x).sum()) for x in wanted.values()))
  worst = {}
  for name, gradient in wanted.items():
    found = np.asarray(named[name])
    assert found.dtype == gradient.dtype == np.float64
    allowed = TOLERANCE * np.abs(gradient).max() + FLOOR * norm
    worst[name] = float(np.abs(found - gradient).max() / allowed)
  assert max(worst.values()) < 1, max(worst.items(), key=lambda item: item[1])


def _check_statistics(model, stored, named, shapes):
  after = _part(stored, "after")
  before = _part(stored, "weights")
  for key, count in _part(stored, "count").items():
    # PyTorch stores the unbiased variance, we the biased one.
    name = f"{key}.running_var"
    kept = 0.9 * before[name].astype(np.float64)
    after[name] = kept + (after[name] - kept) * (count - 1) / count
  of_state = {k: s for k, s in shapes.items() if k not in _params(shapes)}
  assert len(of_state) == len(after)
  wanted, _ = torch_weights.from_torch(model, after, of_state, "golden")
  for name, statistic in wanted.items():
    assert _largest(named[name], statistic) < TOLERANCE, name


def _params(shapes):
  return {name for name in shapes if name.startswith("params/")}
