"""Sound in air: its speed and what the air takes of it."""

from __future__ import annotations

import numpy as np

_ZERO_C_K = 273.15
_REFERENCE_K = 293.15
_TRIPLE_POINT_K = 273.16


def sound_speed_m_s(temperature_c: float) -> float:
  """Speed of sound in dry air, 331.3 sqrt(1 + t / 273.15) m/s.

  Source: L. L. Beranek, Acoustics (1954), section 1.3. At 20 deg C a tenth of
  a degree changes it by 0.017 %.
  """
  return 331.3 * float(np.sqrt(1.0 + temperature_c / _ZERO_C_K))


def absorption_db_m(
  freqs_hz: np.ndarray,
  temperature_c: float = 20.0,
  humidity_percent: float = 50.0,
) -> np.ndarray:
  """Absorption by air at one atmosphere, dB per metre.

  Source: ISO 9613-1:1993, equations 3 to 5 and B.3.

  Args:
    freqs_hz: [...].
    temperature_c: the temperature of the air.
    humidity_percent: relative humidity.

  Returns:
    float64 [...].
  """
  f = np.asarray(freqs_hz, np.float64)
  kelvin = temperature_c + _ZERO_C_K
  warm = kelvin / _REFERENCE_K
  saturation = 10 ** (-6.8346 * (_TRIPLE_POINT_K / kelvin) ** 1.261 + 4.6151)
  h = humidity_percent * saturation
  oxygen_hz = 24.0 + 4.04e4 * h * (0.02 + h) / (0.391 + h)
  nitrogen_hz = warm**-0.5 * (
    9.0 + 280.0 * h * np.exp(-4.170 * (warm ** (-1 / 3) - 1.0))
  )
  relaxation = (
    0.01275 * np.exp(-2239.1 / kelvin) / (oxygen_hz + f**2 / oxygen_hz)
  )
  relaxation += (
    0.1068 * np.exp(-3352.0 / kelvin) / (nitrogen_hz + f**2 / nitrogen_hz)
  )
  return 8.686 * f**2 * (1.84e-11 * warm**0.5 + warm**-2.5 * relaxation)
