"""MODEL_CARD.md: what whoever gets the folder has to know."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Mapping
from typing import Any

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.contract.export import BATCH, Card
from bgm2pose_jax.contract.system import System

# Windows of the example.
_BATCH = 2


def render(
  system: System,
  facts: Mapping[str, Any],
  results: Mapping[str, Any] | None,
) -> str:
  """Writes the card.

  Args:
    system: the network's.
    facts: content of config.json.
    results: content of the run's results.json, or None.

  Returns:
    Markdown.

  Raises:
    InputError: the results are no run's.
  """
  card = system.export.card(facts)
  parts = [
    _head(facts, card),
    _figures(system, results),
    *card.sections,
    _programs(facts),
    _running(facts),
    _files(facts),
  ]
  return "\n\n".join(parts) + "\n"


def _head(facts: Mapping[str, Any], card: Card) -> str:
  config, dataset = facts["config"], facts["dataset"]
  title = f": {card.title}" if card.title else ""
  if facts.get("simulated", dataset.get("simulated")):
    data = (
      "> **TRAINED ON SIMULATED RECORDINGS.** Nothing of this was recorded.\n"
      "> What it does on real recordings is not known."
    )
  else:
    name = dataset.get("name")
    data = f"Trained on recordings{f' ({name})' if name else ''}."
  size = (
    f"{facts['parameters']:,} parameters, step {facts['step']}, preset "
    f"`{config['preset']}`."
  )
  parts = [f"# {facts['model']}{title}", data, card.about, size]
  if facts["origin"]:
    parts.append(f"The weights come from elsewhere: `{facts['origin']}`.")
  return "\n\n".join(part for part in parts if part)


def _figures(system: System, results: Mapping[str, Any] | None) -> str:
  head = "## Measured\n\n"
  if results is None:
    return head + "The run has no results: nothing is known about its errors."
  try:
    table = system.report.text(results)
  except (KeyError, TypeError, AttributeError) as error:
    raise InputError(
      "results.json", f"is no run's ({error!r})", "restore it or move it away"
    ) from error
  return (
    f"{head}On the run's test recordings, with the weights that its report is "
    f"about.\n\n```\n{table}\n```"
  )


def _programs(facts: Mapping[str, Any]) -> str:
  lines = ["## Programs", ""]
  lines += [
    "Each takes a dict of arrays and returns one (flattened in the order of "
    "names); `b` is any",
    f"number of windows. Platforms: {', '.join(facts['platforms'])}. One "
    "batch size compiles once.",
  ]
  for name, program in facts["programs"].items():
    lines += ["", f"`{name}.stablehlo`: {program['what']}", ""]
    lines += ["| | array | shape | type | what |", "| --- " * 5 + "|"]
    for way in ("inputs", "outputs"):
      for key, array in program[way].items():
        shape = ", ".join(map(str, array["shape"]))
        lines.append(
          f"| {way[:-1]} | `{key}` | [{shape}] | {array['dtype']} | "
          f"{array['what']} |"
        )
  if facts["config"]["run"]["compute_dtype"] != "float32":
    kind = facts["config"]["run"]["compute_dtype"]
    lines += ["", f"Inside the network they compute in {kind}."]
  return "\n".join(lines)


def _running(facts: Mapping[str, Any]) -> str:
  name, program = next(iter(facts["programs"].items()))
  lines = []
  for key, array in program["inputs"].items():
    make = "zeros" if array["dtype"].startswith("int") else "ones"
    shape = tuple(_BATCH if n == BATCH else n for n in array["shape"])
    lines.append(f'  "{key}": np.{make}({shape}, np.{array["dtype"]}),')
  inputs = "\n".join(lines)
  output, array = next(iter(program["outputs"].items()))
  shape = ", ".join(str(_BATCH if n == BATCH else n) for n in array["shape"])
  return f"""## Running it

Needs `pip install jax flatbuffers numpy` and nothing else, in this folder:

```python
import jax, jax.export
import numpy as np

content = open("{name}.stablehlo", "rb").read()
network = jax.jit(jax.export.deserialize(bytearray(content)).call)
windows = {{
{inputs}
}}
{output} = network(windows)["{output}"]  # [{shape}]
```

or, sums checked, from files of windows by the names above:

```
python run_exported.py inputs.npz predicted.npz
```"""


def _files(facts: Mapping[str, Any]) -> str:
  versions = "\n".join(
    f"{name} {version}" for name, version in sorted(facts["versions"].items())
  )
  return f"""## Files

- `model.safetensors`: weights and statistics with their names, `config.json`: \
everything else
  as values. These two last; `python -m bgm2pose_jax.export --from_export=DIR \
--out=RUN` makes a
  run's folder of them again.
- `*.stablehlo`: made for the version of JAX below; JAX promises to read them \
for six months of
  newer versions. Export again after that.
- `SHA256SUMS`: `sha256sum -c SHA256SUMS`.

Programs: {_licence()}, as bgm2pose_jax. What may be done with the weights \
also depends on the
data they were trained on.

```
{versions}
```"""


def _licence() -> str:
  try:
    found = importlib.metadata.metadata("bgm2pose-jax")
  except importlib.metadata.PackageNotFoundError:
    return "Apache-2.0"
  return found.get("License-Expression") or "Apache-2.0"
