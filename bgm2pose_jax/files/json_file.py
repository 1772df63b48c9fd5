"""JSON from files of strangers: bounded in size and depth, and real text."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from typing import Any

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.files import plain_file

# Values take up to forty times as much in memory.
MAX_BYTES = 16 << 20
# Half a character that JSON can spell and UTF-8 cannot.
_HALF = re.compile(r"\\u[dD][89abAB-Fc-f][0-9a-fA-F]{2}")


def read(
  path: str | os.PathLike[str],
  fix: str,
  *,
  key: str | None = None,
  max_bytes: int = MAX_BYTES,
) -> dict[str, Any]:
  """Reads a file that holds one JSON object.

  Args:
    path: the file.
    fix: what to do if it cannot be used.
    key: an object in it to return instead of the whole.
    max_bytes: largest size accepted.

  Raises:
    InputError: no regular file, too large, no UTF-8, no JSON, nested too
      deep, or no such object in it.
  """
  data = plain_file.read(path, max_bytes, fix)
  found = parse(data, path, fix)
  if key is not None and isinstance(found, dict):
    if key not in found:
      raise InputError(path, f"has no {key!r}", fix)
    found = found[key]
  if not isinstance(found, dict):
    raise InputError(path, "holds no JSON object", fix)
  return found


def parse(
  data: bytes,
  where: object,
  fix: str,
  *,
  hook: Callable[[dict[str, Any]], Any] | None = None,
) -> Any:
  """Reads JSON text.

  Args:
    data: UTF-8.
    where: names it in messages.
    fix: what to do if it cannot be used.
    hook: turns every object into a value that takes less memory.

  Returns:
    Plain values.

  Raises:
    InputError: no UTF-8, no JSON, nested too deep, or half characters.
  """
  try:
    text = data.decode("utf-8-sig")
    found = json.loads(text, object_hook=hook)
    if _HALF.search(text):
      # Names of files may hold bytes that are no text, as Python spells them.
      text = json.dumps(found, ensure_ascii=False)
      text.encode("utf-8", errors="surrogateescape")
  except RecursionError:
    raise InputError(where, "is nested too deep", fix) from None
  except ValueError as error:
    raise InputError(where, f"cannot be read as JSON ({error})", fix) from None
  return found
