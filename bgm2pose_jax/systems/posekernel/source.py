"""Where the samples come from, and how they become prepared data."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from bgm2pose_jax.data import source
from bgm2pose_jax.data.partial_builds import Parts
from bgm2pose_jax.data.split import natural_key
from bgm2pose_jax.poses.body15 import BODY15
from bgm2pose_jax.systems.posekernel import examples
from bgm2pose_jax.systems.posekernel.config import SIMULATED, Config
from bgm2pose_jax.systems.posekernel.sample import KERNEL_TAPS, PAIRS, Sample
from bgm2pose_jax.systems.posekernel.table import SampleTable

# Text, numbers and names of one stored sample.
_TEXT_BYTES = 400
# A change of what is stored, or of what the simulator makes, makes old folders
# unusable: count up.
_FORMAT = 1


class Samples(Protocol):
  """Samples that were looked at and not yet made or read."""

  @property
  def simulated(self) -> bool:
    """Whether a simulator made them."""
    ...

  def environments(self) -> Mapping[str, int]:
    """{environment: how many samples it has}."""
    ...

  def make(self, environment: str, /) -> Iterator[Sample]:
    """Makes or reads an environment's samples, in order of their numbers.

    Raises:
      InputError: a file that cannot be used.
    """
    ...

  def identity(self) -> dict[str, Any]:
    """JSON values that, if changed, mean other samples."""
    ...

  def inventory(self) -> str | None:
    """A table of what was found; None when nothing was looked for."""
    ...


@dataclasses.dataclass
class SampleSource(source.Source):
  """Samples by environment: a `data.source.Source`.

  A section is an environment.

  Attributes:
    name: name of the data set.
    samples: what is there.
  """

  name: str
  samples: Samples

  @property
  def dataset(self) -> str:
    """One of `config.DATASETS`."""
    return self.name

  @property
  def simulated(self) -> bool:
    """Whether the simulator made the samples."""
    return self.samples.simulated

  @property
  def keeps_parts(self) -> bool:
    """Never: an environment is made at once, in one stream."""
    return False

  @property
  def window_bytes(self) -> int:
    """Bytes of one stored sample."""
    numbers = PAIRS * (KERNEL_TAPS + 3) + 6 * BODY15.num_joints + 9
    return 4 * numbers + _TEXT_BYTES

  def sections(self) -> tuple[str, ...]:
    """Returns the environments, in natural order."""
    return tuple(sorted(self.samples.environments(), key=natural_key))

  def content(self) -> dict[str, Any]:
    """Returns what, if changed, makes other samples."""
    return {"format": _FORMAT, **self.samples.identity()}

  def count_windows(self, sections: Sequence[str]) -> dict[str, int]:
    """Returns {environment: samples to build}."""
    counts = self.samples.environments()
    return {environment: counts[environment] for environment in sections}

  def manifest_fields(self, section: str) -> dict[str, Any]:
    """Returns the environment and what a sample holds."""
    return {"environment": section, "spec": examples.spec()}

  def builder(
    self,
    section: str,
    folder: Path,
    stage: Path,
    *,
    on_windows: Callable[[int], object],
    beam_refusal: Path | None,
    parts: Parts | None,
  ) -> Any:
    """Returns the TFDS builder of an environment, see `data.source.Source`."""
    del folder, beam_refusal, parts
    # Installed from the top-level folder `datasets`, where pyright looks not.
    from bgm2pose_jax.datasets.posekernel import (  # pyright: ignore
      posekernel_dataset_builder,
    )

    count = self.samples.environments()[section]

    def made() -> Iterator[tuple[int, dict[str, Any]]]:
      samples = self.samples.make(section)
      return enumerate(examples.examples(samples, count, on_windows))

    return posekernel_dataset_builder.Builder(
      config=self.dataset.removeprefix("posekernel/"),
      data_dir=str(stage),
      table=SampleTable,
      fields=self.manifest_fields(section),
      examples=made,
    )

  def inventory(self) -> str | None:
    """Returns a table of what was found; None for simulated samples."""
    return self.samples.inventory()


def source_of(config: Config) -> SampleSource:
  """Looks at where the samples of a run come from, computing nothing.

  Args:
    config: the run's configuration.

  Raises:
    InputError: a folder that does not hold what it should.
  """
  data = config.data
  samples: Samples
  if data.dataset == SIMULATED:
    from bgm2pose_jax.systems.posekernel.simulated.samples import (
      SimulatedSamples,
    )

    samples = SimulatedSamples(data.simulate)
  else:
    from bgm2pose_jax.systems.posekernel.released.samples import (
      ReleasedSamples,
    )

    samples = ReleasedSamples.find(data.posekernel_dir)
  return SampleSource(data.dataset, samples)
