"""Data flows one way: a module imports only from layers before its own."""

from __future__ import annotations

import ast
import pathlib

ROOT = pathlib.Path(__file__).parents[1]

# One row a layer, first to last. A name stands for the module or package of
# that name below bgm2pose_jax; the longest match counts.
LAYERS = (
  (
    "errors",
    "array_typing",
    "command",
    "config_tree",
    "compilation",
    "coordinator_relay",
    "local_path",
    "process_watch",
    "processes",
    "stop_signal",
    "system_errors",
    "target",
    "whole_file",
    "run_lock",
  ),
  ("seal",),
  ("audit", "step_folders"),
  ("plain_file",),
  ("array_file", "json_file", "torch_file"),
  ("skeleton", "config", "settings"),
  ("features", "losses", "metrics", "mesh", "mocap"),
  ("simulate", "models", "optim", "data", "train_state"),
  ("datasets", "configs", "align"),
  ("data.build", "data.simulated_source", "data.sources", "data.prepare"),
  ("tasks",),
  (
    "steps",
    "dispatch",
    "stored_state",
    "checkpoint",
    "workdir",
    "writer",
  ),
  (
    "evaluate",
    "normal_equations",
    "ridge_inputs",
    "run_folder",
    "trained_model",
  ),
  ("ridge",),
  ("baselines",),
  ("viewer",),
  ("intervals", "results", "report", "predict.pose_track"),
  ("comparison", "align.page", "align.poses", "align.__main__"),
  ("replicated", "replica", "plan", "nonfinite"),
  ("epoch_lines", "spread"),
  ("loop", "closing"),
  ("together",),
  ("train", "convert"),
  ("main", "predict", "doctor", "export"),
  ("stream",),
)
_RANK = {name: i for i, row in enumerate(LAYERS) for name in row}
# Worker processes read data with NumPy alone; these may use JAX.
_JAX_IN_DATA = {"data.device_cache", "data.prepare"}


def _modules():
  for base, prefix in (
    (ROOT / "bgm2pose_jax", ""),
    (ROOT / "datasets", "datasets."),
  ):
    for path in sorted(base.rglob("*.py")):
      parts = path.relative_to(base).with_suffix("").parts
      if parts[-1] == "__init__":
        parts = parts[:-1]
      yield path, (prefix + ".".join(parts)).rstrip(".")


def _rank(module: str) -> int | None:
  parts = module.split(".")
  for end in range(len(parts), 0, -1):
    name = ".".join(parts[:end])
    if name in _RANK:
      return _RANK[name]
  return None


def _imports(path: pathlib.Path) -> list[str]:
  found = []
  for node in ast.walk(ast.parse(path.read_text())):
    if isinstance(node, ast.Import):
      found += [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
      found += [f"{node.module}.{alias.name}" for alias in node.names]
    elif isinstance(node, ast.ImportFrom):
      raise AssertionError(f"{path}: relative import")
  return found


def test_every_module_has_a_layer():
  names = [name for _, name in _modules() if name]
  assert len(names) > 40
  assert [name for name in names if _rank(name) is None] == []


def test_imports_point_backwards():
  wrong = []
  for path, module in _modules():
    own = _rank(module)
    for name in _imports(path):
      if not name.startswith("bgm2pose_jax."):
        continue
      other = _rank(name.removeprefix("bgm2pose_jax."))
      if other is not None and own is not None and other > own:
        wrong.append(f"{module} imports {name}")
  assert wrong == []


def test_only_data_build_imports_the_builders():
  wrong = [
    module
    for path, module in _modules()
    if not module.startswith("datasets") and module != "data.build"
    for name in _imports(path)
    if name.startswith("bgm2pose_jax.datasets")
  ]
  assert wrong == []


def test_data_workers_do_not_load_jax():
  wrong = [
    f"{module} imports {name}"
    for path, module in _modules()
    if module.startswith("data.") and module not in _JAX_IN_DATA
    for node in ast.parse(path.read_text()).body  # at import time only
    for name in _names(node)
    if name.split(".")[0] in ("jax", "flax", "optax")
  ]
  assert wrong == []


def _names(node: ast.stmt) -> list[str]:
  if isinstance(node, ast.Import):
    return [alias.name for alias in node.names]
  if isinstance(node, ast.ImportFrom):
    return [node.module or ""]
  return []


def test_trainer_names_no_model():
  for name in ("loop", "train", "steps"):
    text = (ROOT / "bgm2pose_jax" / f"{name}.py").read_text().lower()
    assert "bgm2pose(" not in text
    assert "models" not in [
      part
      for line in _imports(ROOT / "bgm2pose_jax" / f"{name}.py")
      for part in line.split(".")
    ]
