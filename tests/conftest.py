"""One device, one process, no network; shared by every test."""

from __future__ import annotations

import os
import pathlib
import sys

os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# A worker has one core: more threads only wait for each other, busily. Read
# when NumPy loads, here and in the commands that tests start.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("MKL_NUM_THREADS", "1")

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


@pytest.fixture(scope="module")
def quick_compiling():
  """Compiles in a third of the time, for tests that time and tune nothing."""
  jax.config.update("jax_disable_most_optimizations", True)
  yield
  jax.config.update("jax_disable_most_optimizations", False)
