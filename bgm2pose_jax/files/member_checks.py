"""Whether a member of an archive is one that an honest archive has."""

from __future__ import annotations

import unicodedata

from bgm2pose_jax.files.archive_members import Limits, Member

# Below this size a ratio says nothing.
SMALL_BYTES = 1 << 20
_MOST_NAME, _MOST_PART, _MOST_DEPTH = 1000, 255, 16


def check_name(name: str) -> tuple[str, ...]:
  """Splits a member's name, when it can only mean a file below a folder.

  Args:
    name: the name, as the archive states it.

  Returns:
    Its parts.

  Raises:
    ValueError: with what is wrong with it.
  """
  if any(unicodedata.category(letter)[0] == "C" for letter in name):
    raise ValueError("its name holds a control character")
  if "\\" in name or ":" in name:
    raise ValueError("its name holds a backslash or a colon")
  if name.startswith("/"):
    raise ValueError("its name is an absolute path")
  parts = tuple(part for part in name.rstrip("/").split("/") if part != ".")
  if ".." in parts:
    raise ValueError("its name leads out of the folder")
  if any(not part or part[-1] in " ." for part in parts):
    raise ValueError("its name has an empty part, or one that ends in a dot")
  if (
    len(name.encode()) > _MOST_NAME
    or len(parts) > _MOST_DEPTH
    or any(len(part.encode()) > _MOST_PART for part in parts)
  ):
    raise ValueError("its name is too long")
  return parts


def check_content(member: Member, limits: Limits) -> None:
  """Refuses links, devices, sizes beyond the limits and bombs.

  Args:
    member: the member, as the archive states it.
    limits: what it may at most be.

  Raises:
    ValueError: with what is wrong with it.
  """
  if member.problem is not None:
    raise ValueError(member.problem)
  if not 0 <= member.size <= limits.member_bytes:
    raise ValueError(f"has {member.size} bytes")
  if (
    member.packed is not None
    and member.size > SMALL_BYTES
    and member.size > limits.ratio * max(member.packed, 1)
  ):
    raise ValueError(
      f"unpacks to {member.size / max(member.packed, 1):.0f} times its size"
    )
