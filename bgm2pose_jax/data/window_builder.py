"""Windows as TFDS examples: what every data set's builder shares.

Only builders import this module: training reads prepared windows without TFDS.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import numpy as np
import tensorflow_datasets as tfds

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.data.table import WindowTable

# TFDS keeps `all` and the usual names of splits for itself or for slicing.
SPLIT = "windows"


class WindowBuilder(tfds.core.GeneratorBasedBuilder, skip_registration=True):
  """Windows of one section of a data set, as a table's columns say.

  A data set's builder is a subclass named `Builder`, which has `VERSION`,
  `RELEASE_NOTES`, `pkg_dir_path` and, where there are several kinds,
  `BUILDER_CONFIGS`. Examples are kept in order, and all of them are kept: a
  table's `usable` columns say which ones may train. `load.load` reads them.

  Attributes:
    HOMEPAGE: address of a page about the data set; empty where there is none.
  """

  HOMEPAGE: ClassVar[str] = ""

  def __init__(
    self,
    *,
    table: type[WindowTable],
    fields: Mapping[str, Any],
    examples: Callable[[], Any] | None = None,
    **kwargs: Any,
  ):
    """Says what is written; nothing is made before `download_and_prepare`.

    Args:
      table: declares the columns and their shapes.
      fields: what the section's manifest says, see
        `source.Source.manifest_fields`.
      examples: gives (key, example) pairs in order, or a root transform of
        Apache Beam that does; an example has a value for each column. Not
        needed to read what was built.
      **kwargs: arguments of the TFDS builder: `config`, `data_dir`,
        `file_format`.
    """
    self._features = features_of(table, fields)
    self._examples = examples
    super().__init__(**kwargs)

  def _info(self) -> tfds.core.DatasetInfo:
    return self.dataset_info_from_configs(
      features=self._features,
      homepage=self.HOMEPAGE or None,
      disable_shuffling=True,
    )

  def _split_generators(self, dl_manager: Any) -> dict[str, Any]:
    del dl_manager  # nothing is downloaded
    if self._examples is None:
      raise InputError(
        self.name, "no examples to build from", "give them to the builder"
      )
    return {SPLIT: self._generate_examples(self._examples)}

  def _generate_examples(self, examples: Callable[[], Any]) -> Any:
    return examples()


def features_of(
  table: type[WindowTable], fields: Mapping[str, Any]
) -> tfds.features.FeaturesDict:
  """Returns how TFDS stores a table's columns, one example a window.

  Args:
    table: declares the columns and their shapes.
    fields: what a section's manifest says.

  Returns:
    Arrays as float32 tensors, stored as bytes; names as text; numbers as bool
    where `usable` names them, else as int32.
  """
  columns, shapes = table.columns, table.shapes(fields)
  array = functools.partial(
    tfds.features.Tensor, dtype=np.float32, encoding="bytes"
  )
  kinds: dict[str, Any] = {
    name: array(shape=shapes[name]) for name in columns.arrays
  }
  kinds |= {name: tfds.features.Text() for name in columns.all_names}
  kinds |= {
    name: np.bool_ if name in columns.usable else np.int32
    for name in columns.all_numbers
  }
  return tfds.features.FeaturesDict(kinds)
