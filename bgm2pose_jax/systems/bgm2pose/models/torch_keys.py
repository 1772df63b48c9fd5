"""Our arrays and the names they have in published PyTorch weights.

One table a network: path of our array, key of the state_dict, layout. Pure
names; `torch_weights` moves the arrays.

The published names are those of anonymous123210/BGM2Pose: BGM2Pose is its
`music2pose_freq_atten_ver10`, AcousticPose the predicting half of
`speech2pose_ad`, Speech2Gesture `speech2pose` with six channels, WiPose
`Wipose_LSTM`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from bgm2pose_jax.base.errors import InputError

# Parts of BGM2Pose that only training reads; a network without the heads
# leaves them out.
HEADS = (
  "cls_token",
  "pose_token",
  "time_embedding",
  "sound_seq_fusion",
  "pose_embedding",
  "pose_mixer",
)
# Registered by the published modules, never run by them.
UNUSED_BLOCKS = ("eight_block", "ninth_block", "tenth_block")
_UNUSED = {
  "bgm2pose": (
    *UNUSED_BLOCKS,
    "multi_head_attention2",
    "pos_embedding2",
    "logit_scale",
  ),
  "acousticpose": UNUSED_BLOCKS,
  "speech2gesture": UNUSED_BLOCKS,
  "wipose": (),
}


class Row(NamedTuple):
  """Where one of our arrays lies in a state_dict.

  Attributes:
    path: `params/...` or `model_state/...`, names with slashes.
    key: a key of the state_dict.
    layout: name in `torch_weights.LAYOUTS`.
    third: which third of the first axis it is, where PyTorch stacks the
      projections of query, key and value; None for the whole.
  """

  path: str
  key: str
  layout: str = "same"
  third: int | None = None


def rows(model: str) -> tuple[Row, ...]:
  """Returns a network's table.

  Args:
    model: name in `models.registry`.

  Raises:
    InputError: no weights of that network are published.
  """
  if model not in _TABLES:
    raise InputError(
      f"--model={model}",
      "has no published weights",
      f"choose one of {', '.join(_TABLES)}",
    )
  return tuple(_TABLES[model]())


def unused(model: str) -> tuple[str, ...]:
  """First parts of the keys that the published network never runs."""
  return _UNUSED[model]


def both_names(model: str, key: str) -> tuple[str, str | None]:
  """Returns the name that the table has, and a second one where there is one.

  WiPose registers its blocks `cnn1` to `cnn4` again as `cnn.0` to `cnn.3`.

  Args:
    model: name in `models.registry`.
    key: either name.
  """
  if model != "wipose":
    return key, None
  for i in range(4):
    for start in (f"cnn{i + 1}.", f"cnn.{i}."):
      if key.startswith(start):
        rest = key.removeprefix(start)
        return f"cnn{i + 1}.{rest}", f"cnn.{i}.{rest}"
  return key, None


def _norm(path: str, key: str) -> Iterator[Row]:
  yield Row(f"params/{path}/scale", f"{key}.weight")
  yield Row(f"params/{path}/bias", f"{key}.bias")
  yield Row(f"model_state/{path}/mean", f"{key}.running_mean")
  yield Row(f"model_state/{path}/var", f"{key}.running_var")


def _affine(path: str, key: str, layout: str) -> Iterator[Row]:
  yield Row(f"params/{path}/kernel", f"{key}.weight", layout)
  yield Row(f"params/{path}/bias", f"{key}.bias")


def _block(path: str, key: str, first: int = 0) -> Iterator[Row]:
  """Convolution, LeakyReLU (without arrays), batch normalisation."""
  yield from _affine(f"{path}/conv", f"{key}.{first}", "conv")
  yield from _norm(f"{path}/norm", f"{key}.{first + 2}")


def _stack(path: str, key: str, depth: int = 2) -> Iterator[Row]:
  for i in range(depth):
    yield from _block(f"{path}/blocks/{i}", key, 3 * i)


def _attention(path: str, key: str) -> Iterator[Row]:
  for third, name in enumerate(("query", "key", "value")):
    path_of = f"params/{path}/{name}"
    yield Row(f"{path_of}_kernel", f"{key}.in_proj_weight", "matrix", third)
    yield Row(f"{path_of}_bias", f"{key}.in_proj_bias", "same", third)
  yield Row(f"params/{path}/out_kernel", f"{key}.out_proj.weight", "matrix")
  yield Row(f"params/{path}/out_bias", f"{key}.out_proj.bias")


def _pyramid() -> Iterator[Row]:
  """What BGM2Pose and the networks of `multi_scale_sum` have in common."""
  yield from _block("merge", "fifth_block")
  yield from _stack("down1", "sixth_block", depth=1)
  yield from _stack("down2", "seventh_block")
  for i in range(4):
    yield from _block(f"tail/{i}", f"fifth_block{i + 2}")
  yield from _affine("head", "bottleneck", "conv")


def _bgm2pose() -> Iterator[Row]:
  for path, key, depth in (
    ("audio_stem", "main_block", 2),
    ("music_stem", "music_block", 2),
    ("body", "main_block2", 3),
  ):
    for i in range(depth):
      yield from _stack(f"{path}/{i}", f"{key}.{i}")
  path = "frequency_attention"
  yield Row(f"params/{path}/band_embedding", "pos_embedding.weight")
  yield from _attention(f"{path}/attention", "multi_head_attention1")
  yield from _pyramid()
  for i in (1, 2):
    yield from _affine(f"up{i}", f"up{i}", "transposed_conv")
    yield from _block(f"decode{i}", f"dec{i}")
  path = "contrastive"
  yield Row(f"params/{path}/audio_token", "cls_token", "token")
  yield Row(f"params/{path}/pose_token", "pose_token", "token")
  yield Row(f"params/{path}/time_embedding", "time_embedding.weight")
  yield from _block(f"{path}/pose_block", "pose_embedding")
  yield from _attention(f"{path}/audio_attention", "sound_seq_fusion")
  yield from _attention(f"{path}/pose_attention", "pose_mixer")


def _multi_scale_sum() -> Iterator[Row]:
  names = ("first_block", "second_block", "third_block", "forth_block")
  for i, key in enumerate(names):
    yield from _stack(f"body/{i}", key)
  yield from _pyramid()


def _wipose() -> Iterator[Row]:
  for i in range(4):
    yield from _affine(f"convs/{i}", f"cnn{i + 1}.0", "conv")
    yield from _norm(f"norms/{i}", f"cnn{i + 1}.1")
  for i in range(3):
    path = f"params/lstm/{i}"
    yield Row(f"{path}/input_kernel", f"lstm1.weight_ih_l{i}", "matrix")
    yield Row(f"{path}/hidden_kernel", f"lstm1.weight_hh_l{i}", "matrix")
    yield Row(f"{path}/input_bias", f"lstm1.bias_ih_l{i}")
    yield Row(f"{path}/hidden_bias", f"lstm1.bias_hh_l{i}")
  yield from _affine("head", "fc1.0", "pointwise")


_TABLES: dict[str, Callable[[], Iterator[Row]]] = {
  "bgm2pose": _bgm2pose,
  "acousticpose": _multi_scale_sum,
  "speech2gesture": _multi_scale_sum,
  "wipose": _wipose,
}
MODELS = tuple(_TABLES)
