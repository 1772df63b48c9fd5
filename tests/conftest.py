"""One device, one process, no network; shared by every test."""

from __future__ import annotations

import atexit
import os
import pathlib
import shutil
import sys
import tempfile

os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# A worker has one core: more threads only wait for each other, busily. Read
# when NumPy loads, here and in the commands that tests start.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("MKL_NUM_THREADS", "1")
# Commands that run in a worker leave its memory as it is: any choice, also an
# empty one, does that (runtime/host_memory.py).
os.environ.setdefault("GLIBC_TUNABLES", "")
# What one test compiles, no other worker and no command compiles again. The
# first process makes the folder; its workers find it in their environment.
if not os.environ.get("JAX_COMPILATION_CACHE_DIR"):
  _programs = tempfile.mkdtemp(prefix="test-programs-")
  os.environ["JAX_COMPILATION_CACHE_DIR"] = _programs
  atexit.register(shutil.rmtree, _programs, ignore_errors=True)

# Plain helper modules (raw_fixture) lie beside the tests that use them. The
# packages `launch` and `tests` are found from the repository's root.
sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
sys.path.insert(0, str(pathlib.Path(__file__).parent))

import jax
import pytest
from absl import flags

# grain's worker processes read absl flags, which only app.run would parse.
if not flags.FLAGS.is_parsed():
  flags.FLAGS.mark_as_parsed()


pytest_plugins = ["corpus_fixture"]

# A file is the work of one worker. The files that take minutes come first, so
# that none of them is begun when the other workers have nothing left.
_LONG = (
  "training/test_parallel.py",
  "training/test_replicated.py",
  "test_main.py",
  "faults/test_check_builds.py",
  "systems/bgm2pose/ampl/test_released.py",
  "systems/bgm2pose/models/test_torch_parity.py",
  "training/test_steps.py",
)


def pytest_collection_modifyitems(items):
  """Puts the longest files first; the others keep their order."""
  root = pathlib.Path(__file__).parent

  def place(item):
    name = item.path.relative_to(root).as_posix()
    return _LONG.index(name) if name in _LONG else len(_LONG)

  items.sort(key=place)


@pytest.fixture(scope="module")
def quick_compiling():
  """Compiles in a third of the time, for tests that time and tune nothing."""
  # Programs of both kinds differ in the last digits: a module has one kind.
  jax.clear_caches()
  jax.config.update("jax_disable_most_optimizations", True)
  yield
  jax.config.update("jax_disable_most_optimizations", False)
  jax.clear_caches()
