"""Predicts poses with an exported network; needs jax, flatbuffers and numpy.

    python run_exported.py inputs.npz poses.npz

inputs.npz holds windows, under the names that MODEL_CARD.md lists: `features`,
or `recording` and `music`. Where the network wants a recording's own statistics
and the file holds none, they are taken over all its windows, which should then
be one recording's, whole.
"""

import hashlib
import json
import pathlib
import sys
import zipfile

import jax
import jax.export
import numpy as np

FOLDER = pathlib.Path(__file__).resolve().parent
SUMS = "SHA256SUMS"


def verify(folder=FOLDER):
  """Raises ValueError unless the files are those that were written."""
  lines = (folder / SUMS).read_text().splitlines()
  listed = {
    name: digest for digest, _, name in (x.partition("  ") for x in lines)
  }
  found = {path.name for path in folder.iterdir()} - {SUMS, "__pycache__"}
  for name in sorted(listed.keys() | found):
    if name not in listed or name not in found:
      raise ValueError(f"{name} is {'missing' if name in listed else 'extra'}")
    with open(folder / name, "rb") as content:
      if hashlib.file_digest(content, "sha256").hexdigest() != listed[name]:
        raise ValueError(f"{name} was changed")


def load(name, folder=FOLDER):
  """Returns a function of a dict of arrays to a dict of arrays."""
  content = (folder / f"{name}.stablehlo").read_bytes()
  return jax.jit(jax.export.deserialize(bytearray(content)).call)


def complete(given, described, folder=FOLDER):
  """Picks a program's inputs; fills in what need not be given.

  Args:
    given: {name: array}, `features` or sound, windows first.
    described: content of config.json.
    folder: of the export.

  Returns:
    The program's name and its inputs.
  """
  start = "features" if "features" in given else "audio"
  name = f"from_{start}"
  wanted = described["programs"][name]["inputs"]
  given = {k: np.asarray(v) for k, v in given.items() if k in wanted}
  count = len(next(iter(given.values()), ()))
  own = [k for k in wanted if k.endswith(("_mean", "_std"))]
  needed = given.keys() | (wanted.keys() - {"track", *own})
  for key in sorted(needed | set(own if given.keys() & set(own) else ())):
    if key not in given:
      raise ValueError(f"{key} is missing, wanted {wanted[key]['shape']}")
    shape = [count, *wanted[key]["shape"][1:]]
    if not count or list(given[key].shape) != shape:
      raise ValueError(f"{key} is {list(given[key].shape)}, wanted {shape}")
    given[key] = given[key].astype(wanted[key]["dtype"])
  if "track" in wanted.keys() - given.keys():
    given["track"] = np.full(count, -1, np.int32)
  if own and own[0] not in given:
    print("statistics: those of all windows given", file=sys.stderr)
    found = load(f"statistics_from_{start}", folder)(given)
    given |= {
      k: np.broadcast_to(v, (count, *v.shape)) for k, v in found.items()
    }
  return name, given


def predict(given, folder=FOLDER):
  """Returns float32 [windows, frame, joint, 3] for a dict of arrays."""
  described = json.loads((folder / "config.json").read_text())
  name, given = complete(given, described, folder)
  pose = np.asarray(load(name, folder)(given)["pose"])
  if not np.isfinite(pose).all():
    raise ValueError("poses are not finite: look for such values in the inputs")
  return pose


def main():
  """Predicts; one line and exit status 2 on unusable input."""
  try:
    if len(sys.argv) != 3:
      raise ValueError("usage: run_exported.py inputs.npz poses.npz")
    verify()
    given = np.load(sys.argv[1])
    if not hasattr(given, "files"):
      raise ValueError(f"{sys.argv[1]} is no npz file")
    pose = predict(dict(given))
    np.savez(sys.argv[2], pose=pose)
    print(f"{sys.argv[2]}: pose {list(pose.shape)}")
  except (OSError, ValueError, zipfile.BadZipFile) as error:
    print(f"error: {error}", file=sys.stderr)
    sys.exit(2)


if __name__ == "__main__":
  main()
