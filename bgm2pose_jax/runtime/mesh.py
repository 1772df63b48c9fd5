"""Devices: one mesh axis, and the two wrappers of the per-device step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np

# The one named axis. Every collective of the project runs over it, also on a
# single device, so that one device and many execute the same code.
DATA_AXIS = "data"


def make_mesh(devices: Sequence[Any] | None = None) -> jax.sharding.Mesh:
  """Returns a mesh of all devices along the data axis.

  Args:
    devices: which ones; None is every device of every process.
  """
  devices = jax.devices() if devices is None else list(devices)
  # Automatic axes: under explicit ones gathers along a sharded axis raise.
  return jax.make_mesh(
    (len(devices),),
    (DATA_AXIS,),
    devices=devices,
    axis_types=(jax.sharding.AxisType.Auto,),
  )


def replicate(mesh: jax.sharding.Mesh, tree: Any) -> Any:
  """Puts the same values on every device of the mesh."""
  return place(jax.NamedSharding(mesh, jax.P()), tree)


def place(sharding: jax.sharding.Sharding, tree: Any) -> Any:
  """Puts values where a sharding says.

  Of several processes each has all values: nothing is sent, and nothing
  compared, which `jax.device_put` would do array by array.

  Args:
    sharding: the sharding of every array.
    tree: a tree of whole arrays.
  """
  if sharding.is_fully_addressable:
    return jax.device_put(tree, sharding)

  def one(x: Any) -> jax.Array:
    if isinstance(x, jax.Array) and not x.is_fully_addressable:
      return jax.device_put(x, sharding)
    host = np.asarray(x)
    return jax.make_array_from_callback(
      host.shape, sharding, lambda index: host[index]
    )

  return jax.tree.map(one, tree)


def shard_rows(mesh: jax.sharding.Mesh, tree: Any) -> Any:
  """Spreads this process's arrays over its devices along axis 0."""
  sharding = jax.NamedSharding(mesh, jax.P(DATA_AXIS))
  return jax.tree.map(
    lambda x: jax.make_array_from_process_local_data(sharding, np.asarray(x)),
    tree,
  )


def to_varying(tree: Any) -> Any:
  """Marks replicated values as varying over the data axis.

  Without it the gradient of a replicated parameter arrives already summed
  over devices under `jax.shard_map`, and a mean over the axis would then be
  too large by the device count.
  """
  return jax.tree.map(lambda x: jax.lax.pcast(x, DATA_AXIS, to="varying"), tree)


def over_devices(
  function: Callable[..., Any],
  mesh: jax.sharding.Mesh,
  *,
  in_axes: Sequence[int | None],
  out_axes: Any,
  donate: Sequence[int] = (),
  parallel: str = "jit",
) -> Callable[..., Any]:
  """Wraps a per-device function for the devices of a mesh.

  Args:
    function: sees its own share of spread arguments and the whole of the
      others; may use collectives over `DATA_AXIS`.
    mesh: the mesh from `make_mesh`.
    in_axes: for each argument the axis spread over devices, or None.
    out_axes: the same for the output: one value, or a tuple of them.
    donate: positions of arguments whose memory may be reused.
    parallel: `jit` (one program over the mesh) or `pmap`.

  Returns:
    The compiled function. Arguments and outputs look the same in both.
  """
  if parallel == "pmap":
    return _pmapped(function, mesh, in_axes, out_axes, donate)

  def spec(axis: int | None):
    return jax.P() if axis is None else jax.P(*([None] * axis), DATA_AXIS)

  out_specs = (
    tuple(spec(a) for a in out_axes)
    if isinstance(out_axes, tuple)
    else spec(out_axes)
  )
  mapped = jax.shard_map(
    function,
    mesh=mesh,
    in_specs=tuple(spec(a) for a in in_axes),
    out_specs=out_specs,
    check_vma=True,
  )
  return jax.jit(mapped, donate_argnums=tuple(donate))


def _pmapped(
  function: Callable[..., Any],
  mesh: jax.sharding.Mesh,
  in_axes: Sequence[int | None],
  out_axes: Any,
  donate: Sequence[int],
) -> Callable[..., Any]:
  """`jax.pmap` with the device axis split off and joined again.

  Arguments that are not spread stay as `replicate` placed them: today's pmap
  is a program over the same mesh and moves nothing.
  """
  devices = mesh.devices.ravel().tolist()
  mapped = jax.pmap(
    function,
    axis_name=DATA_AXIS,
    in_axes=tuple(in_axes),
    out_axes=out_axes,
    devices=devices,
    donate_argnums=tuple(donate),
  )

  def split(x: jax.Array, axis: int) -> jax.Array:
    shape = x.shape
    share = shape[axis] // len(devices)
    return x.reshape(*shape[:axis], len(devices), share, *shape[axis + 1 :])

  def join(x: jax.Array, axis: int) -> jax.Array:
    shape = x.shape
    return x.reshape(*shape[:axis], -1, *shape[axis + 2 :])

  def over(change, tree, axis):
    if axis is None:
      return tree
    return jax.tree.map(lambda x: change(x, axis), tree)

  def call(*args):
    out = mapped(*(over(split, a, axis) for a, axis in zip(args, in_axes)))
    if isinstance(out_axes, tuple):
      return tuple(over(join, o, axis) for o, axis in zip(out, out_axes))
    return over(join, out, out_axes)

  return call
