"""Is a WAV file as long as its header says?

libsndfile shortens a truncated file to what is there and says nothing; a cut
recording would then lose its end unnoticed.
"""

from __future__ import annotations

import struct
from pathlib import Path

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.files import plain_file

# A writer that could not seek back leaves this as the length.
_UNKNOWN = 0xFFFFFFFF
# A gigabyte of empty ones would take minutes to walk.
_MOST_CHUNKS = 10_000


def check_wav_complete(path: Path) -> None:
  """Compares the length of the sample data with the file's size.

  Args:
    path: any file; one that is no RIFF or RF64 file is left alone.

  Raises:
    InputError: when the file ends before its samples do.
  """
  size = plain_file.check(path, "give a sound file").st_size
  with plain_file.opened(path, "give a sound file") as file:
    head = file.read(12)
    if head[:4] not in (b"RIFF", b"RF64") or head[8:12] != b"WAVE":
      return
    long_data = None
    for _ in range(_MOST_CHUNKS):
      chunk = file.read(8)
      if len(chunk) < 8:
        raise InputError(
          path, "ends before its samples begin", "copy the recording again"
        )
      name, length = chunk[:4], struct.unpack("<I", chunk[4:])[0]
      if name == b"ds64":
        long_data = struct.unpack("<QQ", file.read(16).ljust(16, b"\0"))[1]
        length -= 16
      if name == b"data":
        if length == _UNKNOWN:
          if long_data is None:
            return
          length = long_data
        missing = file.tell() + length - size
        if missing > 0:
          raise InputError(
            path,
            f"is truncated: {missing} of {length} bytes of samples are missing",
            "copy the recording again",
          )
        return
      file.seek(length + length % 2, 1)
    raise InputError(
      path,
      f"has no samples in its first {_MOST_CHUNKS} chunks",
      "export it again",
    )
