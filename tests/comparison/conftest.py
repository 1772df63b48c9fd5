"""One finished sweep, written once for each file of tests."""

from __future__ import annotations

import comparison_case
import pytest

from bgm2pose_jax import comparison
from bgm2pose_jax.systems import registry


@pytest.fixture(scope="module")
def case(tmp_path_factory):
  """The sweep with its tables and page."""
  found = comparison_case.make_case(tmp_path_factory.mktemp("sweep"))
  comparison.write_comparison(found.root, registry.of_model)
  return found
