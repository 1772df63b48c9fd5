"""Predicts with an exported network; needs jax, flatbuffers and numpy.

    python run_exported.py inputs.npz predicted.npz

inputs.npz holds windows, under the names that MODEL_CARD.md lists for one of
the programs. An input that another program gives, such as a recording's own
statistics, may be left out: it is computed over all windows of the file, which
should then be one recording's, whole.
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
    given: {name: array}, windows first.
    described: content of config.json.
    folder: the export's folder.

  Returns:
    The program's name and its inputs.
  """
  programs = described["programs"]
  wanted = {k for p in programs.values() for k in p["inputs"]}
  # Programs that predict, and those that only give them inputs.
  helpers = {n for n, p in programs.items() if wanted & p["outputs"].keys()}
  main = [name for name in programs if name not in helpers]
  name = max(main, key=lambda n: len(given.keys() & programs[n]["inputs"]))
  inputs = programs[name]["inputs"]
  given = {k: np.asarray(v) for k, v in given.items() if k in inputs}
  count = len(next(iter(given.values()), ()))
  made = [
    n
    for n in sorted(helpers)
    if programs[n]["inputs"].keys() <= inputs.keys()
    and not programs[n]["outputs"].keys() & given.keys()
  ]
  filled = {k for helper in made for k in programs[helper]["outputs"]}
  for key, array in sorted(inputs.items()):
    shape = [count, *array["shape"][1:]]
    if key not in given:
      if key in filled:
        continue
      if "default" not in array:
        raise ValueError(f"{key} is missing, wanted {array['shape']}")
      given[key] = np.full(shape, array["default"])
    if not count or list(given[key].shape) != shape:
      raise ValueError(f"{key} is {list(given[key].shape)}, wanted {shape}")
    given[key] = given[key].astype(array["dtype"])
  for helper in made:
    print(f"{helper}: over all windows given", file=sys.stderr)
    wanted = {k: given[k] for k in programs[helper]["inputs"]}
    given |= {
      k: np.broadcast_to(v, (count, *v.shape))
      for k, v in load(helper, folder)(wanted).items()
      if k in inputs
    }
  return name, given


def predict(given, folder=FOLDER):
  """Returns {name: array, windows first} for a dict of arrays."""
  described = json.loads((folder / "config.json").read_text())
  name, given = complete(given, described, folder)
  found = {k: np.asarray(v) for k, v in load(name, folder)(given).items()}
  for key, array in found.items():
    if not np.isfinite(array).all():
      raise ValueError(f"{key} is not finite: look for such inputs")
  return found


def main():
  """Predicts; one line and exit status 2 on unusable input."""
  try:
    if len(sys.argv) != 3:
      raise ValueError("usage: run_exported.py inputs.npz predicted.npz")
    verify()
    given = np.load(sys.argv[1])
    if not hasattr(given, "files"):
      raise ValueError(f"{sys.argv[1]} is no npz file")
    found = predict(dict(given))
    np.savez(sys.argv[2], **found)  # pyright: ignore
    for key, array in found.items():
      print(f"{sys.argv[2]}: {key} {list(array.shape)}")
  except (OSError, ValueError, zipfile.BadZipFile) as error:
    print(f"error: {error}", file=sys.stderr)
    sys.exit(2)


if __name__ == "__main__":
  main()
