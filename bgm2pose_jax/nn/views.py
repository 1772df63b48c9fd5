"""One network seen in two ways: in training and in use."""

from __future__ import annotations

from flax import nnx


def views(model: nnx.Module) -> tuple[nnx.Module, nnx.Module]:
  """Returns a network for training and for use; both share its arrays.

  A network without dropout does not know `deterministic`, one without batch
  statistics not the other.

  Args:
    model: the network.
  """

  def view(in_use: bool) -> nnx.Module:
    return nnx.view(
      model,
      use_running_average=in_use,
      deterministic=in_use,
      raise_if_not_found=False,
    )

  return view(False), view(True)
