"""Checks that the networks' config classes share."""

from __future__ import annotations

from collections.abc import Sequence

from bgm2pose_jax.base.errors import InputError


def check_width(width: float) -> None:
  """Refuses a width that is not positive.

  Args:
    width: field `width`.

  Raises:
    InputError: naming it.
  """
  if not width > 0:
    raise InputError(
      "network.width", f"{width} is not positive", "take 1, 0.125, ..."
    )


def check_choice(name: str, value: str, choices: Sequence[str]) -> None:
  """Refuses a value that is none of the choices.

  Args:
    name: the name of the field.
    value: given.
    choices: allowed.

  Raises:
    InputError: naming the field.
  """
  if value not in choices:
    raise InputError(
      f"network.{name}",
      f"{value!r} is unknown",
      f"choose one of {', '.join(choices)}",
    )


def check_rate(name: str, value: float) -> None:
  """Refuses a rate of dropped values outside [0, 1).

  Args:
    name: the name of the field.
    value: given.

  Raises:
    InputError: naming the field.
  """
  if not 0 <= value < 1:
    raise InputError(
      f"network.{name}",
      f"{value} is outside [0, 1)",
      "take a rate such as 0.1",
    )


def check_positive(name: str, value: float) -> None:
  """Refuses a number that is not above zero.

  Args:
    name: the name of the field.
    value: given.

  Raises:
    InputError: naming the field.
  """
  if not value > 0:
    raise InputError(
      f"network.{name}", f"{value} is not above 0", "take more than 0"
    )
