"""Whether the machine has what JAX was told to compute on."""

from __future__ import annotations

import jax

from bgm2pose_jax.base import surroundings


def check() -> None:
  """Refuses platforms that are not here, before any work.

  Opens devices only where JAX_PLATFORMS names others than the CPU, which is
  always there: what is named is needed soon. Of several processes each calls
  this after it has joined the others.

  Raises:
    InputError: JAX_PLATFORMS names none that JAX knows or finds.
  """
  asked = jax.config.jax_platforms  # type: ignore[attr-defined]
  if not asked or asked == "cpu":
    return
  try:
    jax.devices()
  except (AssertionError, RuntimeError) as error:
    raise surroundings.no_platform(asked, str(error)) from error
