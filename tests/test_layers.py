"""Data flows one way: a room imports only from floors below its own.

The rooms are the folders of `bgm2pose_jax`. A `__main__` and the files of
`commands/` are commands: nothing imports them, so they stand on the top floor
whatever folder they lie in.
"""

from __future__ import annotations

import ast
import pathlib
import re
import tomllib

import pytest

from bgm2pose_jax.systems import registry

ROOT = pathlib.Path(__file__).parents[1]

# One row a floor, lowest first; rooms of one floor do not import each other.
FLOORS = (
  ("base",),
  ("files", "runtime"),
  ("config", "state", "nn", "audio", "poses"),
  ("data", "report", "simulate"),
  ("evaluation",),
  ("contract",),
  ("training", "comparison"),
  ("inference",),
  ("datasets",),
  ("systems",),
  ("main", "commands", "api"),
  ("launch",),
)
FLOOR = {room: i for i, row in enumerate(FLOORS) for room in row}
# Worker processes read data with NumPy alone; these use JAX.
JAX_IN_DATA = {"bgm2pose_jax.data.device_cache"}
# What trains, evaluates and exports any system is told of its model by the
# registry and reads no model's name.
OF_ANY_MODEL = (
  "training",
  "evaluation",
  "state",
  "data",
  "comparison",
  "inference",
  "main",
)
MODELS = sorted({m for system in registry.SYSTEMS for m in system.models})


def modules(root: pathlib.Path = ROOT) -> dict[str, pathlib.Path]:
  """{module: file} of everything that is imported or run."""
  found = {}
  for top in ("bgm2pose_jax", "datasets", "launch"):
    for path in sorted((root / top).rglob("*.py")):
      parts = path.relative_to(root).with_suffix("").parts
      if top == "datasets":
        parts = ("bgm2pose_jax", *parts)
      if parts[-1] == "__init__":
        parts = parts[:-1]
      found[".".join(parts)] = path
  return found


def room(module: str) -> str | None:
  """The folder of a module; None for the package itself."""
  parts = module.split(".")
  if parts[0] == "launch":
    return "launch"
  if parts[-1] == "__main__":
    return "main"
  return parts[1] if len(parts) > 1 else None


def imports(path: pathlib.Path) -> list[str]:
  """Every name a file imports, as a dotted path."""
  found = []
  for node in ast.walk(ast.parse(path.read_text())):
    if isinstance(node, ast.Import):
      found += [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom):
      assert not node.level, f"{path}: relative import"
      found += [f"{node.module}.{alias.name}" for alias in node.names]
  return found


def upward(root: pathlib.Path = ROOT) -> list[str]:
  """Imports that point to the same floor or above."""
  wrong = []
  for module, path in modules(root).items():
    own = room(module)
    for name in imports(path):
      if name.split(".")[0] not in ("bgm2pose_jax", "launch"):
        continue
      other = room(name)
      if own is None or other is None or own == other:
        continue
      if FLOOR[other] >= FLOOR[own]:
        wrong.append(f"{module} imports {name}")
  return wrong


def test_every_room_has_a_floor():
  found = {room(module) for module in modules()} - {None}
  assert found == set(FLOOR)


def test_imports_point_downward():
  assert upward() == []


@pytest.mark.parametrize(
  ("file", "line"),
  [
    ("training/run.py", "from bgm2pose_jax.systems import registry"),
    ("data/load.py", "from bgm2pose_jax.systems.bgm2pose import splits"),
    ("base/errors.py", "from bgm2pose_jax.files import json_file"),
    ("report/page.py", "from bgm2pose_jax.data import load"),
  ],
)
def test_a_planted_import_is_found(tmp_path, file, line):
  planted = tmp_path / "bgm2pose_jax" / file
  planted.parent.mkdir(parents=True)
  planted.write_text(f"def later():\n  {line}\n")
  assert len(upward(tmp_path)) == 1


def test_no_room_has_a_circle():
  """Modules can be loaded in one order: no import leads back."""
  known = modules()
  graph: dict[str, set[str]] = {}
  for module, path in known.items():
    tree = ast.parse(path.read_text())
    names = set()
    for node in tree.body:  # what is imported in functions loads later
      if isinstance(node, ast.ImportFrom) and node.module:
        for alias in node.names:
          full = f"{node.module}.{alias.name}"
          names.add(full if full in known else node.module)
    graph[module] = names & set(known) - {module}
  done: set[str] = set()
  while ready := {m for m in graph if m not in done and graph[m] <= done}:
    done |= ready
  assert set(graph) - done == set()


def test_only_a_system_imports_its_builder():
  wrong = [
    module
    for module, path in modules().items()
    if room(module) not in ("datasets", "systems")
    for name in imports(path)
    if name.startswith("bgm2pose_jax.datasets")
  ]
  assert wrong == []


def test_the_package_root_is_small():
  files = sorted(p.name for p in (ROOT / "bgm2pose_jax").glob("*.py"))
  assert files == ["__init__.py", "__main__.py", "main.py"]


def test_data_workers_do_not_load_jax():
  wrong = []
  for module, path in modules().items():
    if room(module) != "data" or module in JAX_IN_DATA:
      continue
    for node in ast.parse(path.read_text()).body:  # at import time only
      if isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
      elif isinstance(node, ast.ImportFrom):
        names = [node.module or ""]
      else:
        continue
      wrong += [
        f"{module} imports {name}"
        for name in names
        if name.split(".")[0] in ("jax", "flax", "optax")
      ]
  assert wrong == []


def said(source: str) -> list[str]:
  """Every identifier and every text of a module but its docstrings."""
  tree = ast.parse(source)
  docstrings = {
    id(node.body[0].value)
    for node in ast.walk(tree)
    if isinstance(
      node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    )
    and ast.get_docstring(node) is not None
    and isinstance(node.body[0], ast.Expr)
  }
  found = []
  for node in ast.walk(tree):
    if isinstance(node, ast.Constant) and id(node) not in docstrings:
      found.append(str(node.value))
    elif isinstance(node, ast.ImportFrom):
      found.append(node.module or "")
    for field in ("id", "attr", "arg", "name", "asname"):
      if isinstance(value := getattr(node, field, None), str):
        found.append(value)
  # Package and command have the name of a model.
  own = r"bgm2pose([_-]jax| (train|audit|predict)\b)"
  return [re.sub(own, "", text.lower()) for text in found]


def named_models(source: str) -> list[str]:
  """Models whose names stand in a module."""
  # A class has its model's name in front: BGM2PoseConfig. Other words begin
  # as a short name does: small.
  names = [
    name if len(name) > 4 else f"{name}(?![a-z])"
    for name in sorted(MODELS, key=len, reverse=True)
  ]
  pattern = re.compile(rf"(?<![a-z0-9])({'|'.join(names)})")
  return sorted({m for text in said(source) for m in pattern.findall(text)})


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize(
  "line",
  [
    "is_it = config.model == '{}'",
    "log(f'{{count}} of {} done')",
    "from bgm2pose_jax.systems.bgm2pose.models.{} import thing",
    "{}_count = 3",
    "def f(x, *, {}=None): return x",
  ],
)
def test_a_models_name_is_found_wherever_it_stands(line, name):
  assert name in named_models(line.format(name))


def test_docstrings_and_the_package_may_have_a_models_name():
  source = '''"""Trains wipose."""
from bgm2pose_jax.training import loop
def f():
  """Ridge."""
  return loop.bridge("bgm2pose_jax.training.loop", "bgm2pose-jax[beam]")
'''
  assert named_models(source) == []


def test_models_are_known():
  assert {"bgm2pose", "wipose", "mean_pose", "ridge"} <= set(MODELS)


@pytest.mark.parametrize("name", OF_ANY_MODEL)
def test_trainer_names_no_model(name):
  place = ROOT / "bgm2pose_jax" / name
  paths = sorted(place.rglob("*.py")) or [place.with_suffix(".py")]
  found = {str(path): named_models(path.read_text()) for path in paths}
  assert {path: names for path, names in found.items() if names} == {}


def test_every_folder_is_packaged():
  project = tomllib.loads((ROOT / "pyproject.toml").read_text())
  setup = project["tool"]["setuptools"]
  folders = {
    ".".join(path.parent.relative_to(ROOT).parts)
    for path in (ROOT / "bgm2pose_jax").rglob("*.py")
  }
  folders |= {
    ".".join(("bgm2pose_jax", *path.parent.relative_to(ROOT).parts))
    for path in (ROOT / "datasets").rglob("*.py")
  }
  assert set(setup["packages"]) == folders
  for path in (ROOT / "bgm2pose_jax").rglob("*"):
    if path.suffix in (".html", ".css", ".js"):
      package = ".".join(path.parent.relative_to(ROOT).parts)
      assert f"*{path.suffix}" in setup["package-data"].get(package, ()), path
