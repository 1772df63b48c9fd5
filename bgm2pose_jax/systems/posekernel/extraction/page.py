"""The page of extracted kernels: echoes over distance, and the noise."""

from __future__ import annotations

import html
import math

import numpy as np

from bgm2pose_jax.report import charts, html_table
from bgm2pose_jax.report import page as report_page
from bgm2pose_jax.report.page import Page, Panel, Tile
from bgm2pose_jax.systems.posekernel.extraction import faults
from bgm2pose_jax.systems.posekernel.extraction.report import Report
from bgm2pose_jax.systems.posekernel.rig import SOUND_SPEED_M_S

_POINTS = 128
_ABOUT_ECHOES = (
  "Root mean square of each pair's kernels over all samples, against the"
  " distance from the pair at which a body sends it back. A person stands where"
  " it is high; what is high at zero is direct sound that was not subtracted."
)
_ABOUT_NOISE = (
  "Power of the kernels over the power that recordings of the empty room have"
  " by themselves. Below zero the kernels of a band are mostly noise."
)


def render(kernels: np.ndarray, report: Report, title: str) -> str:
  """The page as text; it loads nothing.

  Args:
    kernels: float32 [sample, pair, tap].
    report: what was found.
    title: its title.
  """
  pairs = kernels.shape[1]
  names = [f"pair {pair + 1}" for pair in range(pairs)]
  warnings = faults.sentences(report.faults)
  return report_page.render(
    Page(
      title=title,
      banners=_banner(warnings),
      facts=[
        ("samples", len(report.names)),
        ("pairs", pairs),
        ("aligned by", report.aligned_by),
        ("empty rooms", report.empty_given),
      ],
      tiles=[
        Tile(
          f"{name}, kernel over noise, dB",
          _told(report.snr_all_db[pair]),
          [f"direct sound left {_told(report.direct_residue_db[pair])} dB"],
        )
        for pair, name in enumerate(names)
      ],
      panels=(
        *([Panel("Warnings", _items(warnings))] if warnings else []),
        Panel(
          "Echoes over distance",
          _echoes(kernels, report, names) + _note(_ABOUT_ECHOES),
        ),
        Panel("Noise", _noise_table(report, names) + _note(_ABOUT_NOISE)),
        Panel("Facts", html_table.facts(_facts(report))),
      ),
    )
  )


def echoes_db(
  kernels: np.ndarray, usable: np.ndarray, rate_hz: int
) -> tuple[np.ndarray, np.ndarray]:
  """How strong kernels are over distance.

  Args:
    kernels: [sample, pair, tap].
    usable: bool [sample, pair].
    rate_hz: their sample rate.

  Returns:
    [point], metres from the pair; [pair, point], root mean square over the
    samples and over a stretch of taps, dB of the largest, -80 at least.
  """
  taps = kernels.shape[-1]
  edges = np.unique(np.linspace(0, taps, min(taps, _POINTS) + 1).astype(int))
  power = np.zeros(kernels.shape[1:])
  for row in kernels:
    power += row.astype(np.float64) ** 2
  power /= np.maximum(usable.sum(axis=0), 1)[:, None]
  mean = np.add.reduceat(power, edges[:-1], axis=-1) / np.diff(edges)
  distance_m = (edges[:-1] + edges[1:] - 1) / 2 / rate_hz * SOUND_SPEED_M_S / 2
  top = max(float(mean.max()), 1e-300)
  return distance_m, 10 * np.log10(np.maximum(mean / top, 1e-8))


def _echoes(kernels: np.ndarray, report: Report, names: list[str]) -> str:
  distance_m, level_db = echoes_db(kernels, report.usable, report.rate_hz)
  distances = distance_m.round(2).tolist()
  parts = [
    charts.line_chart(
      f"{name}, dB of the loudest",
      [("level", list(zip(distances, row.tolist())))],
      x_name="m from the pair",
    )
    for name, row in zip(names, level_db)
  ]
  return f'<div class="charts">{"".join(parts)}</div>'


def _noise_table(report: Report, names: list[str]) -> str:
  return html_table.table(
    [["dB in octaves around", *map(_octave, report.octaves_hz), "all"]],
    [
      (
        "",
        [
          name,
          *map(_told, report.snr_db[pair]),
          _told(report.snr_all_db[pair]),
        ],
      )
      for pair, name in enumerate(names)
    ],
  )


def _octave(middle_hz: float) -> str:
  if middle_hz < 1000:
    return f"{middle_hz:.3g} Hz"
  return f"{middle_hz / 1000:g} kHz"


def _facts(report: Report) -> list[tuple[str, str]]:
  out = [
    ("sample rate", f"{report.rate_hz} Hz"),
    ("taps", str(report.taps)),
    ("kernel", report.kernel),
  ]
  for pair, late_ms in enumerate(report.latency_ms):
    spread_ms = report.latency_spread_ms[pair]
    out.append(
      (
        f"pair {pair + 1}, sound leaves after",
        f"{_told(late_ms)} ms, at most {_told(spread_ms)} ms off",
      )
    )
  return out


def _told(value: float) -> str:
  return f"{value:.1f}" if math.isfinite(value) else "unknown"


def _banner(warnings: list[str]) -> list[tuple[str, str]]:
  if len(warnings) == 1:
    return [("", warnings[0])]
  return [("", f"{len(warnings)} warnings, listed below")] if warnings else []


def _items(texts: list[str]) -> str:
  items = "".join(f"<li>{html.escape(text)}</li>" for text in texts)
  return f"<ul>{items}</ul>"


def _note(text: str) -> str:
  return f'<p class="note">{html.escape(text)}</p>'
