"""Which log lines reach the screen."""

from __future__ import annotations

import logging as standard_logging
import pathlib

from absl import logging


class _OwnLines(standard_logging.Filter):
  """Keeps a log worth reading: our lines, and everybody's warnings."""

  def filter(self, record: standard_logging.LogRecord) -> bool:
    ours = pathlib.Path(__file__).parents[1]
    is_own = ours in pathlib.Path(record.pathname).parents
    # What its threads ran into is raised by the save, and said in one line.
    is_trace = "orbax" in record.pathname and record.exc_info is not None
    return is_own or (
      record.levelno >= standard_logging.WARNING and not is_trace
    )


def show_own() -> None:
  """Shows this package's lines from INFO on, others' from WARNING on."""
  logging.set_verbosity(logging.INFO)
  logging.get_absl_handler().addFilter(_OwnLines())
