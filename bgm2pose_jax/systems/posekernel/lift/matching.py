"""Which frame of keypoints, or of truth, belongs to which kernel."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bgm2pose_jax.base.errors import InputError


def match(
  wanted: Sequence[str],
  found: Sequence[str],
  *,
  named: bool,
  what: str,
  where: object,
) -> tuple[np.ndarray, str]:
  """Finds the frame of each sample: by its name, else by the order.

  Args:
    wanted: names of the kernels' samples.
    found: names of the frames.
    named: whether both files bring names of their own.
    what: what the frames are, for messages.
    where: the frames' file.

  Returns:
    int [sample], positions in `found`; and what was done, a sentence.

  Raises:
    InputError: other counts, or names of which only some agree.
  """
  if len(found) != len(wanted):
    raise InputError(
      where,
      f"holds {len(found)} frames for {len(wanted)} kernels",
      "give one frame for each kernel",
    )
  in_order = np.arange(len(wanted))
  if named:
    place = {name: number for number, name in enumerate(found)}
    missing = [name for name in wanted if name not in place]
    if not missing:
      said = f"{what} and kernels are matched by their names."
      return np.array([place[name] for name in wanted], int), said
    if len(missing) < len(wanted):
      raise InputError(
        where,
        f"has no frame {missing[0]!r}, one of {len(missing)} kernels' names",
        "name every frame as its kernel, or give none of them a name",
      )
  return in_order, (
    f"{what} and kernels are matched by their order: they have no names in"
    " common."
  )
