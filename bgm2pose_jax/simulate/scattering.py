"""Tabulated sphere scattering for rendering: one memcpy-like lookup a path.

For loudspeaker -> sphere k -> microphone the recorder needs, per frequency,

  H = A_k(f) exp(-2 pi i f (d1 + d2)/c) / (d1 d2)      (NumPy's FFT sign)

with A_k the amplitude of a rigid sphere seen from a point source at d1 and a
point receiver at d2. `ScatterTable` holds A_k of a few radii over scattering
angle and curvature s = 1/d1 + 1/d2, rows contiguous over frequency, so that a
bilinear lookup is a weighted sum of four rows (below 1 ns per sphere and
frequency on two CPU cores, below the cost of writing the result).

What makes a coarse table enough: the sound that reflects off the sphere does
not go by way of its centre but by way of its specular point, and that path is
shorter than d1 + d2 by 2 a sin(theta/2) - a^2 cos^2(theta/2) s/2. With that
phase taken out, what is left turns slowly with angle and distance. `lookup`
puts it back; `lookup_smooth` leaves it to a caller that uses
`specular_path_m` in place of d1 + d2 in its own phase and so gets it free.

Forward lobes. A sphere's forward lobe is its shadow: added to the direct sound
it cancels. With single scattering each sphere of a torso casts its own weak
shadow (about 10 dB too little for the person as a whole), so torso and head
shadow the direct and the floor path as Fresnel rectangles (`shadow`). Their
spheres must then not cast a second one: for a class with `forward_lobe` False
the partial waves lose exactly the part that forms the shadow
(`sphere_series.lobe_orders`), so what is left is what the sphere reflects and
diffracts. Taking it out per partial wave leaves the other angles untouched
(no window in angle to ring in time), and below ka of about 1, where a sphere
casts no shadow, nothing changes. Limbs have no rectangle and keep their lobe.

Limits: s is held at the ends of the table's range (below 0.8 /m the amplitude
is the far field's; above, a sphere would touch source or microphone).
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.simulate import sphere_series

_S_MIN_PER_M = 0.8  # d1 = d2 = 2.5 m
_S_MAX_PER_M = 6.0  # 18 cm from one end of a 3.2 m path
# d1 and d2 enter through s, but for the near-field terms at the lowest
# frequencies, which need both: the table assumes they add up to this.
_NOMINAL_PATH_M = 3.2
_MIN_CLEARANCE = 1.15  # nearest distance of an end, in radii
_MIN_FREQ_HZ = 1.0  # the series divides by k; 0 Hz takes the value of 1 Hz


@functools.partial(
  jax.tree_util.register_dataclass,
  data_fields=("real", "imag", "class_radii_m", "log_s_max"),
  meta_fields=("theta_nodes", "s_nodes", "freqs_hz", "sound_speed_m_s"),
)
@dataclasses.dataclass(frozen=True)
class ScatterTable:
  """Amplitudes of rigid spheres, a pytree to be passed into jitted code.

  Attributes:
    real: float32 [class * theta * s, f] in metres; phase of the specular path
      and 1/(d1 d2) taken out.
    imag: likewise, conjugated for NumPy's FFT. Two arrays, because XLA:CPU
      does not fuse a gather with the split of its result (five times slower).
    class_radii_m: float32 [class].
    log_s_max: float32 [class], end of the curvature axis.
    theta_nodes: nodes of the angle axis, even in sin(theta/2)^(2/3): dense
      where a forward lobe is.
    s_nodes: nodes of the curvature axis, even in log s.
    freqs_hz: frequencies of a row.
    sound_speed_m_s: speed of sound.
  """

  real: jax.Array
  imag: jax.Array
  class_radii_m: jax.Array
  log_s_max: jax.Array
  theta_nodes: int
  s_nodes: int
  freqs_hz: tuple[float, ...]
  sound_speed_m_s: float

  @property
  def num_bytes(self) -> int:
    """Memory that the rows take."""
    return self.real.nbytes + self.imag.nbytes


def make_table(
  radii_m: Sequence[float] | np.ndarray,
  freqs_hz: Sequence[float] | np.ndarray,
  *,
  sound_speed_m_s: float = 343.0,
  forward_lobe: Sequence[bool] | None = None,
  theta_nodes: int = 96,
  s_nodes: int = 6,
) -> ScatterTable:
  """Builds (or returns the cached) table of a set of radius classes.

  Args:
    radii_m: one radius per class, 5 mm to 0.5 m.
    freqs_hz: frequencies, not negative; all bins of one FFT as a rule.
    sound_speed_m_s: speed of sound.
    forward_lobe: one flag per class, False for spheres whose shadow is cast
      by a rectangle (module docstring); by default True for all.
    theta_nodes: nodes over the scattering angle.
    s_nodes: nodes over the curvature.

  Returns:
    The table; the same arguments give the same object within a process.

  Raises:
    InputError: if a radius, frequency or number of flags cannot be used.
  """
  radii = tuple(float(a) for a in np.atleast_1d(np.asarray(radii_m)))
  flags = (True,) * len(radii) if forward_lobe is None else forward_lobe
  flags = tuple(bool(flag) for flag in flags)
  freqs = tuple(float(f) for f in np.asarray(freqs_hz, np.float64))
  if not radii or not all(0.005 <= a <= 0.5 for a in radii):
    raise InputError(
      "radii_m", f"has {radii}", "give radii between 0.005 and 0.5 m"
    )
  if len(flags) != len(radii):
    raise InputError(
      "forward_lobe",
      f"has {len(flags)} flags for {len(radii)} radii",
      "give one flag per radius",
    )
  if not freqs or not all(0 <= f < np.inf for f in freqs):
    raise InputError(
      "freqs_hz", "is empty or has a negative or non-finite value",
      "give frequencies from 0 Hz up",
    )  # fmt: skip
  if sound_speed_m_s <= 0 or theta_nodes < 2 or s_nodes < 2:
    raise InputError(
      "make_table",
      f"got sound_speed_m_s={sound_speed_m_s}, theta_nodes={theta_nodes},"
      f" s_nodes={s_nodes}",
      "give a positive speed and at least 2 nodes an axis",
    )
  return _build(
    radii, flags, freqs, float(sound_speed_m_s), theta_nodes, s_nodes
  )


@functools.lru_cache(maxsize=8)
def _build(
  radii: tuple[float, ...],
  flags: tuple[bool, ...],
  freqs: tuple[float, ...],
  speed: float,
  theta_nodes: int,
  s_nodes: int,
) -> ScatterTable:
  k = 2 * np.pi * np.maximum(freqs, _MIN_FREQ_HZ) / speed
  half_sine = np.linspace(0, 1, theta_nodes) ** 1.5  # sin(theta/2)
  cos_theta = 1 - 2 * half_sine**2
  shape = (len(radii), theta_nodes, s_nodes, len(k))
  real, imag = np.empty(shape, np.float32), np.empty(shape, np.float32)
  log_s_max = np.empty(len(radii))
  for index, (radius, lobe) in enumerate(zip(radii, flags, strict=True)):
    waves = sphere_series.partial_waves(k * radius, forward_lobe=lobe)
    p = sphere_series.legendre(cos_theta, len(waves)).T
    nearest = _MIN_CLEARANCE * radius
    s_max = min(_S_MAX_PER_M, 1 / nearest + 1 / (_NOMINAL_PATH_M - nearest))
    log_s_max[index] = np.log(s_max)
    for j, s in enumerate(np.geomspace(_S_MIN_PER_M, s_max, s_nodes)):
      amplitude = 1j / k * (p @ _near_field(waves, k, s))
      detour = _specular_detour(radius, half_sine, s)
      amplitude *= np.exp(-1j * k * detour[:, None])
      # exp(-i omega t) of the physics to exp(+i omega t) of the FFT.
      real[index, :, j] = amplitude.real
      imag[index, :, j] = -amplitude.imag
  return ScatterTable(
    real=jnp.asarray(real.reshape(-1, len(k))),
    imag=jnp.asarray(imag.reshape(-1, len(k))),
    class_radii_m=jnp.asarray(radii, jnp.float32),
    log_s_max=jnp.asarray(log_s_max, jnp.float32),
    theta_nodes=theta_nodes,
    s_nodes=s_nodes,
    freqs_hz=freqs,
    sound_speed_m_s=speed,
  )


def _near_field(waves: np.ndarray, k: np.ndarray, s: float) -> np.ndarray:
  """Partial waves times g_n(k d1) g_n(k d2) for a path of curvature s."""
  path = max(_NOMINAL_PATH_M, 4 / s)  # d1 d2 = path / s needs path >= 4 / s
  near = path / 2 * (1 - np.sqrt(max(0.0, 1 - 4 / (path * s))))
  terms = len(waves)
  # Columns of low frequencies end in zeros where g_n may overflow.
  with np.errstate(over="ignore", invalid="ignore"):
    g = sphere_series.radiation_factor(k * near, terms)
    g *= sphere_series.radiation_factor(k * (path - near), terms)
    return np.where(waves == 0, 0.0, waves * g)


def _specular_detour(radius, half_sine, s):
  """Specular path minus d1 + d2; NumPy or JAX arrays alike."""
  return radius * (0.5 * radius * (1 - half_sine**2) * s - 2 * half_sine)


def _half_sine(cos_theta: jax.Array) -> jax.Array:
  return jnp.sqrt(jnp.clip(0.5 * (1 - cos_theta), 0.0, 1.0))


def specular_path_m(
  table: ScatterTable,
  radius_class: jax.Array,
  cos_theta: jax.Array,
  d1_m: jax.Array,
  d2_m: jax.Array,
) -> jax.Array:
  """Length of the path by way of the specular point of a sphere.

  To be used in place of d1 + d2 in the phase by callers of `lookup_smooth`.

  Args:
    table: the table from `make_table`.
    radius_class: int [...].
    cos_theta: [...], as for `lookup`.
    d1_m: distance source - centre, [...].
    d2_m: distance centre - microphone, [...].

  Returns:
    float32 [...].
  """
  radius = table.class_radii_m[radius_class]
  s = _held_s(table, radius_class, 1 / d1_m + 1 / d2_m)
  return d1_m + d2_m + _specular_detour(radius, _half_sine(cos_theta), s)


def _held_s(
  table: ScatterTable, radius_class: jax.Array, s_per_m: jax.Array
) -> jax.Array:
  s_max = jnp.exp(table.log_s_max[radius_class])
  return jnp.clip(s_per_m, _S_MIN_PER_M, s_max)


def lookup_smooth(
  table: ScatterTable,
  radius_class: jax.Array,
  cos_theta: jax.Array,
  s_per_m: jax.Array,
) -> tuple[jax.Array, jax.Array]:
  """Amplitude to be used with the phase of `specular_path_m`.

  Args:
    table: the table from `make_table`.
    radius_class: int [...], index into the table's radii.
    cos_theta: [...], angle between the directions source -> sphere and
      sphere -> microphone, 1 = forward.
    s_per_m: [...], 1/d1 + 1/d2.

  Returns:
    Real and imaginary part in metres, two float32 [..., f] (XLA:CPU is
    faster on two real arrays than on complex64).
  """
  radius_class, cos_theta, s_per_m = jnp.broadcast_arrays(
    radius_class, cos_theta, s_per_m
  )
  log_s_max = table.log_s_max[radius_class]
  log_s_min = float(np.log(_S_MIN_PER_M))
  u = jnp.cbrt(jnp.clip(0.5 * (1 - cos_theta), 0.0, 1.0))
  i, i_part = _cell(u, table.theta_nodes)
  v = jnp.log(_held_s(table, radius_class, s_per_m)) - log_s_min
  j, j_part = _cell(v / (log_s_max - log_s_min), table.s_nodes)
  first = (radius_class * table.theta_nodes + i) * table.s_nodes + j
  corners = (
    (0, (1 - i_part) * (1 - j_part)),
    (1, (1 - i_part) * j_part),
    (table.s_nodes, i_part * (1 - j_part)),
    (table.s_nodes + 1, i_part * j_part),
  )

  def blend(rows: jax.Array) -> jax.Array:
    # _cell keeps every index inside; saying so spares a clamp per element.
    return sum(
      weight[..., None] * rows.at[first + offset].get(mode="promise_in_bounds")
      for offset, weight in corners
    )  # pyright: ignore[reportReturnType]

  return blend(table.real), blend(table.imag)


def _cell(unit: jax.Array, nodes: int) -> tuple[jax.Array, jax.Array]:
  """Cell and place within it of `unit` in 0..1 on an even grid."""
  place = unit * (nodes - 1)
  # The comparison also sends NaN to cell 0, so that no index leaves the table.
  place = jnp.where(place > 0, place, 0.0 * place)
  cell = jnp.clip(jnp.nan_to_num(place), 0, nodes - 2).astype(jnp.int32)
  return cell, place - cell


def lookup(
  table: ScatterTable,
  radius_class: jax.Array,
  cos_theta: jax.Array,
  s_per_m: jax.Array,
) -> jax.Array:
  """Scattering amplitude, phase of (d1 + d2) and 1/(d1 d2) taken out.

  Args:
    table: the table from `make_table`.
    radius_class: int [...], index into the table's radii.
    cos_theta: [...], angle between the directions source -> sphere and
      sphere -> microphone, 1 = forward.
    s_per_m: [...], 1/d1 + 1/d2; held at the ends of the table's range.

  Returns:
    complex64 [..., f] in metres, NumPy FFT sign: the transfer function of the
    path is this times exp(-2 pi i f (d1 + d2)/c) / (d1 d2).
  """
  re, im = lookup_smooth(table, radius_class, cos_theta, s_per_m)
  radius = table.class_radii_m[radius_class]
  s = _held_s(table, radius_class, s_per_m)
  detour = _specular_detour(radius, _half_sine(cos_theta), s)
  k = jnp.asarray(
    2 * np.pi * np.asarray(table.freqs_hz) / table.sound_speed_m_s, re.dtype
  )
  phase = detour[..., None] * k
  cos, sin = jnp.cos(phase), jnp.sin(phase)
  return jax.lax.complex(re * cos + im * sin, im * cos - re * sin)
