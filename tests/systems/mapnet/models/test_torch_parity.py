"""Our networks against PyTorch's, on stored float64 references.

`tests/golden/make_violinist.py` made them, of PyTorch's own transformer, LSTM
and linear layers.
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
from bgm2pose_jax.systems.mapnet.models import registry

pytestmark = pytest.mark.usefixtures("quick_compiling")

GOLDEN = pathlib.Path(__file__).parents[3] / "golden"
# All in float64, so that a difference is a mistake.
TOLERANCE = 1e-10
# Of the gradient's norm over all parameters: what cancels has only rounding.
FLOOR = 1e-12
SIZES = {"width": 6, "heads": 2, "mlp": 10}
NETWORKS = {
  "mapnet": (
    "mapnet",
    SIZES | {"hidden": 7, "branch_layers": 2, "fusion_layers": 2},
  ),
  "mapnet_unbalanced": (
    "mapnet",
    SIZES | {"rebalance": False, "branch_layers": 2, "fusion_layers": 1},
  ),
  "pot": ("pot", SIZES | {"hidden": 7, "branch_layers": 3}),
  "lstm_pose_audio": ("lstm_pose_audio", {"width": 6}),
}
# Ours is theirs, transposed where it is a kernel; in a layer and elsewhere.
LAYER = {
  "attention/out_kernel": "self_attn.out_proj.weight",
  "attention/out_bias": "self_attn.out_proj.bias",
  "norm_attention/scale": "norm1.weight",
  "norm_attention/bias": "norm1.bias",
  "norm_mlp/scale": "norm2.weight",
  "norm_mlp/bias": "norm2.bias",
  "mlp_in/kernel": "linear1.weight",
  "mlp_in/bias": "linear1.bias",
  "mlp_out/kernel": "linear2.weight",
  "mlp_out/bias": "linear2.bias",
}
PLAIN = {
  "input_kernel": "weight_ih_l0",
  "hidden_kernel": "weight_hh_l0",
  "input_bias": "bias_ih_l0",
  "hidden_bias": "bias_hh_l0",
  "kernel": "weight",
  "scale": "weight",
}


def _theirs(arrays: dict[str, np.ndarray], name: str) -> np.ndarray:
  """The array that PyTorch keeps for one of our names."""
  kernel = name.endswith("kernel")
  # Our pose_encoder is their pose.encoder, for both branches and their parts.
  for part in ("encoder", "in", "time"):
    for branch in ("pose", "audio"):
      theirs = "dense" if part == "in" else part
      name = name.replace(f"{branch}_{part}/", f"{branch}/{theirs}/")
  name = name.replace("time/dense/", "time/")
  name = name.replace("/encoder/positions", "/positions")
  if "/layers/" not in name:
    *where, last = name.split("/")
    array = arrays[".".join([*where, PLAIN.get(last, last)])]
    return array.T if kernel else array
  encoder, place = name.split("/layers/")
  encoder = encoder.replace("/", ".")
  count = len({k for k in arrays if k.startswith(f"{encoder}.layers.")}) // 12
  found = []
  for i in range(count):
    layer = f"{encoder}.layers.{i}"
    if place in LAYER:
      array = arrays[f"{layer}.{LAYER[place]}"]
    else:
      which, kind = place.removeprefix("attention/").split("_")
      kind = "weight" if kind == "kernel" else "bias"
      stacked = arrays[f"{layer}.self_attn.in_proj_{kind}"]
      array = np.split(stacked, 3)[("query", "key", "value").index(which)]
    found.append(array.T if kernel else array)
  return np.stack(found)


def _part(stored: dict[str, np.ndarray], name: str) -> dict[str, np.ndarray]:
  return {
    key.removeprefix(f"{name}/"): x
    for key, x in stored.items()
    if key.startswith(f"{name}/")
  }


def _named(tree) -> dict[str, jax.Array]:
  return {
    "/".join(str(part.key) for part in path): leaf
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree)
  }


def _run(name: str, stored: dict[str, np.ndarray]):
  """Prediction, loss and gradients by name."""
  model, fields = NETWORKS[name]
  network = registry.build(
    model,
    fields,
    frames_in=stored["pose"].shape[1],
    rngs=nnx.Rngs(0),
    dtype=jnp.float64,
  )
  params = nnx.as_pure(nnx.state(network, nnx.Param))
  weights = _part(stored, "weights")
  leaves = [
    jnp.float64(_theirs(weights, key)).reshape(x.shape)
    for key, x in _named(params).items()
  ]
  params = jax.tree.unflatten(jax.tree.structure(params), leaves)
  structure = nnx.graphdef(views(network)[1])
  poses = {
    key: jnp.float64(stored[key]).reshape(*stored[key].shape[:2], 13, 3)
    for key in ("pose", "target")
  }

  @jax.jit
  def run(params):
    def loss(params):
      out = nnx.merge(structure, params)(poses["pose"], stored["audio"])
      apart = jnp.square(out - poses["target"]).sum(-1)
      return jnp.sqrt(apart + 1e-8).mean(), out

    return jax.value_and_grad(loss, has_aux=True)(params)

  (loss, out), gradients = jax.device_get(run(params))
  return out, loss, _named(gradients)


@pytest.mark.slow
@pytest.mark.parametrize("name", list(NETWORKS))
def test_outputs_loss_and_gradients(name):
  with np.load(GOLDEN / f"{name}.npz") as file:
    stored = dict(file)
  with jax.enable_x64(True):
    out, loss, gradients = _run(name, stored)
  wanted = stored["out"].reshape(out.shape)
  assert out.dtype == wanted.dtype == np.float64
  assert np.abs(out - wanted).max() < TOLERANCE * np.abs(wanted).max()
  assert float(loss) == pytest.approx(float(stored["loss"]), rel=TOLERANCE)
  of_theirs = _part(stored, "gradient")
  norm = math.sqrt(sum(float(np.square(x).sum()) for x in of_theirs.values()))
  worst, met = {}, 0
  for key, found in gradients.items():
    wanted = _theirs(of_theirs, key)
    assert found.shape == wanted.shape, key
    allowed = TOLERANCE * np.abs(wanted).max() + FLOOR * norm
    worst[key] = float(np.abs(found - wanted).max() / allowed)
    met += wanted.size
  assert met == sum(x.size for x in of_theirs.values())
  assert max(worst.values()) < 1, max(worst.items(), key=lambda item: item[1])
