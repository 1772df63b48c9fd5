"""What a log says of the machine."""

from __future__ import annotations

import json

from bgm2pose_jax.runtime import host_facts as lib


def test_host_facts_are_json():
  facts = lib.host_facts()
  assert facts["cpu_usable"] <= facts["cpu_count"]
  json.dumps(facts)
