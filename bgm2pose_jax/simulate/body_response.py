"""What moving spheres and rectangles add to a recording.

The body's transfer function is written down anew every hop and crossfaded
linearly from hop to hop (short-hop time-varying spectra). For loudspeaker s,
frequency f and channel c at the microphone's time t

  H[s, c, f] = sum_k g_c(u_k) A_k(f) exp(-2 pi i f (d1 + d2) / c0) / (d1 d2)
             + sum_paths g_c(u_p) (F_p(f) - 1) exp(-2 pi i f R_p / c0) / R_p

with A_k the scattering amplitude of sphere k (`scattering`), d1 and d2 its
distances to loudspeaker and microphone, g_c the first-order gains of the
direction of arrival, and F_p the Fresnel factor of torso and head on the
direct and the floor path (`shadow`). Sphere k is taken where it was when the
sound that arrives at t hit it (retarded position), so Doppler is exact.

Error of the crossfade: a path whose delay changes by dtau per hop has its
phasor exp(-i w tau) joined by a chord; its level dips by (w dtau)^2 / 8 half
way between hops. With the default hop of 2.5 ms a path that lengthens by 1 m/s
(a limb at 0.5 m/s and more) has dtau = 7.3 us: 0.03 % at 1 kHz, 0.5 % at
4 kHz, 2 % at 8 kHz. At 4 m/s, the fastest gestures, 0.4 % at 1 kHz and 7 % at
4 kHz. Music has most of its energy below 2 kHz, so the default is well under
the error of single scattering; `Scene.body_hop_s` makes it smaller at
proportional cost. A_k and F_p change slowly and are looked up once per
`BLOCK_HOPS` hops, then interpolated.

Not modelled: scattering between body parts, clothing, directivity, shadow on
the floor path before its reflection, and on later images.
"""

from __future__ import annotations

import concurrent.futures
import functools
import math
from typing import cast

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import layout

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.simulate import room, scattering, shadow
from bgm2pose_jax.simulate.response_plan import (
  BLOCK_HOPS,
  PHASOR_BINS,
  Rectangles,
  Sizes,
  Spheres,
  floor_gain,
  light_sources,
  make_plan,
  shadow_paths,
)
from bgm2pose_jax.simulate.scene import Scene

_WORKERS = 2  # chunks in flight; XLA:CPU leaves a core idle between kernels


def _at(points: jax.Array, frame: jax.Array, part: jax.Array) -> jax.Array:
  """Catmull-Rom interpolation of moving points.

  Args:
    points: [time, k, 3].
    frame: int [n], whole frames.
    part: [n, k] frames to add, of any size and sign.

  Returns:
    [n, k, 3].
  """
  whole = jnp.floor(part)
  u = (part - whole)[..., None]
  frame = frame[:, None] + whole.astype(jnp.int32)
  frame = jnp.clip(frame, 1, len(points) - 3)
  k = jnp.arange(points.shape[1])
  p0, p1, p2, p3 = (points[frame + i, k] for i in (-1, 0, 1, 2))
  c1 = 0.5 * (p2 - p0)
  c2 = p0 - 2.5 * p1 + 2 * p2 - 0.5 * p3
  c3 = 1.5 * (p1 - p2) + 0.5 * (p3 - p0)
  return p1 + u * (c1 + u * (c2 + u * c3))


def _pin(x: jax.Array) -> jax.Array:
  """Keeps XLA:CPU from fusing past this point.

  It would recompute sines inside the loops that use them, and index through
  the reshape before a matrix product: six times slower.
  optimization_barrier is dropped before fusion; a layout constraint is not.
  """
  return layout.with_layout_constraint(x, layout.Layout(tuple(range(x.ndim))))


def _unit_phasor(cycles: jax.Array) -> tuple[jax.Array, jax.Array]:
  """Cosine and sine of -2 pi cycles, to 2e-7.

  Taylor polynomials at the half angle (at most pi / 2), which vectorise;
  XLA:CPU's own sine and cosine take five times as long.
  """
  x = np.float32(np.pi) * (cycles - jnp.round(cycles))
  y = x * x
  sin, cos = 1 / 6227020800, 1 / 479001600
  for a, b in (
    (-1 / 39916800, -1 / 3628800),
    (1 / 362880, 1 / 40320),
    (-1 / 5040, -1 / 720),
    (1 / 120, 1 / 24),
    (-1 / 6, -1 / 2),
    (1.0, 1.0),
  ):
    sin, cos = a + y * sin, b + y * cos
  sin = x * sin
  return 1 - 2 * sin * sin, -2 * sin * cos


def _phasors(cycles: jax.Array, coarse: int) -> tuple[jax.Array, ...]:
  """exp(-2 pi i f cycles) as coarse [..., f1, 1] and fine [..., 1, f2].

  Outer product of two short series instead of one complex exponential per
  bin: real and imaginary part of the coarse, then of the fine factor.
  """
  high = cycles[..., None] * np.arange(coarse, dtype=np.float32) * PHASOR_BINS
  low = cycles[..., None] * np.arange(PHASOR_BINS, dtype=np.float32)
  p_re, p_im = (_pin(x)[..., :, None] for x in _unit_phasor(high))
  q_re, q_im = (_pin(x)[..., None, :] for x in _unit_phasor(low))
  return p_re, p_im, q_re, q_im


@functools.partial(jax.jit, static_argnames=("sizes",))
def _chunk(
  sizes: Sizes,
  music: jax.Array,
  points: jax.Array,
  frame: jax.Array,
  part: jax.Array,
  geometry: dict[str, jax.Array],
  table: scattering.ScatterTable,
  shadows: dict[str, jax.Array] | None,
) -> jax.Array:
  """One chunk of hops; every hop's result depends on that hop alone.

  Args:
    sizes: hops, bins and segment length.
    music: [speaker, (hops - 1) * hop + fft_size].
    points: [frames, spheres, 3] around the chunk.
    frame: int [hops + 1], the frame of `points` before each hop's time.
    part: [hops + 1], what is left of that time, in frames.
    geometry: source [source, 3], gain [source, bins], mic [3], class [sphere],
      gain_w, matrix [3, 3], frames_per_m (pose frames that sound needs for a
      metre), samples_per_m, base_delay, roll_off [bins].
    table: scattering amplitudes at the plan's frequencies.
    shadows: the paths, with rectangles' centre and axes around the chunk.

  Returns:
    [4, (hops + 1) * hop] samples, from one hop before the chunk's first.
  """
  hops, blocks, bins, hop = sizes.hops, sizes.blocks, sizes.bins, sizes.hop
  coarse = bins // PHASOR_BINS
  mic, source = geometry["mic"], geometry["source"]
  num_sources, num_spheres = len(source), points.shape[1]

  when = jnp.broadcast_to(part[:, None], (hops + 1, num_spheres))
  centre = _at(points, frame, when)
  for _ in range(2):
    d2 = jnp.linalg.norm(centre - mic, axis=-1)
    centre = _at(points, frame, when - d2 * geometry["frames_per_m"])
  out = mic - centre
  # A sphere over the microphone or a loudspeaker is held at its surface.
  nearest = 1.15 * table.class_radii_m[geometry["class"]]
  d2 = jnp.maximum(jnp.linalg.norm(out, axis=-1), nearest)
  inward = centre[:, None] - source[:, None]
  d1 = jnp.maximum(jnp.linalg.norm(inward, axis=-1), nearest)
  spread = 1 / (d1 * d2[:, None])

  nodes = slice(None, None, BLOCK_HOPS)
  cosine = jnp.sum(inward * out[:, None], -1) * spread
  radius = jnp.broadcast_to(geometry["class"], cosine.shape)
  # The table's amplitude goes with the path by way of the specular point,
  # beside which it changes slowly enough for one lookup a block.
  amplitude = scattering.lookup_smooth(
    table, radius[nodes], cosine[nodes], 1 / d1[nodes] + 1 / d2[nodes, None]
  )
  path_m = scattering.specular_path_m(table, radius, cosine, d1, d2[:, None])
  shape = (blocks + 1, 1, num_sources, num_spheres, coarse, PHASOR_BINS)
  node_re, node_im = (
    _pin((a * geometry["gain"][:, None]).reshape(shape)) for a in amplitude
  )

  def per_block(x: jax.Array) -> jax.Array:
    return x[:-1].reshape(blocks, BLOCK_HOPS, *x.shape[1:])

  delay = path_m * geometry["samples_per_m"] - geometry["base_delay"]
  p_re, p_im, q_re, q_im = _phasors(per_block(delay) / sizes.fft_size, coarse)
  weight = (jnp.arange(BLOCK_HOPS) / BLOCK_HOPS)[:, None, None, None, None]
  a_re = node_re[:-1] + weight * (node_re[1:] - node_re[:-1])
  a_im = node_im[:-1] + weight * (node_im[1:] - node_im[:-1])
  e_re = p_re * q_re - p_im * q_im
  e_im = p_re * q_im + p_im * q_re
  flat = (blocks, BLOCK_HOPS, num_sources, num_spheres, bins)
  path_re = _pin(a_re * e_re - a_im * e_im).reshape(flat)
  path_im = _pin(a_re * e_im + a_im * e_re).reshape(flat)

  xyz = jnp.swapaxes(-out / d2[..., None] @ geometry["matrix"].T, 1, 2)
  encode = jnp.concatenate(
    [jnp.full_like(xyz[:, :1], geometry["gain_w"]), xyz], axis=1
  )
  encode = per_block(encode[:, None] * spread[:, :, None])
  # Plain batched products of [4, spheres] by [spheres, bins]: any other order
  # of axes makes XLA:CPU transpose the large operand.
  h_re = encode @ path_re
  h_im = encode @ path_im
  if shadows is not None:
    extra = _shadow_nodes(frame[nodes], part[nodes], shadows)
    extra = extra[:, None]
    extra = extra[:-1] + weight[..., 0] * (extra[1:] - extra[:-1])
    speakers = music.shape[0]
    h_re = h_re.at[:, :, :speakers].add(extra.real)
    h_im = h_im.at[:, :, :speakers].add(extra.imag)

  index = jnp.arange(hops)[:, None] * hop + jnp.arange(sizes.fft_size)
  segment = jnp.fft.rfft(music[:, index])[..., :bins] * geometry["roll_off"]
  segment = jnp.moveaxis(segment, 0, 1).reshape(
    blocks, BLOCK_HOPS, music.shape[0], 1, bins
  )
  segment = jnp.tile(segment, (1, 1, num_sources // music.shape[0], 1, 1))
  y = jnp.sum(jax.lax.complex(h_re, h_im) * segment, axis=2)
  y = jnp.fft.irfft(y.reshape(hops, 4, bins), sizes.fft_size)
  ramp = (jnp.arange(hop) / hop).astype(y.dtype)
  rising = y[..., -2 * hop : -hop] * ramp
  falling = y[..., -hop:] * (1 - ramp)
  pad = ((0, 1), (0, 0), (0, 0))
  joined = jnp.pad(rising, pad) + jnp.roll(jnp.pad(falling, pad), 1, axis=0)
  return jnp.moveaxis(joined, 1, 0).reshape(4, -1)


def _shadow_nodes(
  frame: jax.Array, part: jax.Array, shadows: dict[str, jax.Array]
) -> jax.Array:
  """Change of the direct and floor paths, complex [nodes, speaker, 4, bins]."""
  low = jnp.clip(frame, 0, len(shadows["centre"]) - 2)
  part = part[:, None, None]
  centre = shadows["centre"]
  centre = centre[low] + part * (centre[low + 1] - centre[low])
  axes = shadows["axes"]
  axes = axes[low] + part[..., None] * (axes[low + 1] - axes[low])
  # [node, path * speaker, rectangle, bins]; the rectangles do not overlap, so
  # what they take from the wave front adds up.
  factor = shadow.rectangle_shadow(
    shadows["source"][None, :, None],
    shadows["mic"],
    centre[:, None],
    axes[:, None],
    shadows["freqs"],
    sound_speed_m_s=cast(float, shadows["speed"]),
  )
  change = jnp.sum(factor - 1, axis=2)
  change = change.reshape(len(frame), *shadows["spectrum"].shape)
  change = change * shadows["spectrum"]
  return jnp.einsum("npsf,psc->nscf", change, shadows["encode"])


def body_response(
  scene: Scene,
  music: np.ndarray,
  spheres: Spheres,
  pose_rate_hz: float,
  *,
  rectangles: Rectangles | None = None,
  chunk_s: float = 0.1,
) -> np.ndarray:
  """What the body adds to the recording.

  Works through the recording in chunks of one shape, so memory does not grow
  with the length (beyond input and output) and the result does not depend on
  the chunk's length. The pose is held beyond the ends of its motion.

  Args:
    scene: geometry, rate and hop.
    music: [speaker, samples], what each loudspeaker plays.
    spheres: the moving scatterers.
    pose_rate_hz: rate of the poses; frame 0 is at the microphone's time 0.
    rectangles: what shadows the direct and floor paths, on the same clock.
    chunk_s: approximate length of a chunk.

  Returns:
    float32 [4, samples], channels W X Y Z.

  Raises:
    InputError: if music and scene differ in channels, or a path is too long.
  """
  if music.ndim != 2 or len(music) != len(scene.speakers_m):
    raise InputError(
      "music",
      f"shape {music.shape}",
      f"give [{len(scene.speakers_m)}, samples], one row per loudspeaker",
    )
  plan = make_plan(scene, spheres, chunk_s)
  samples = music.shape[1]
  sizes = plan.sizes
  hop, hops = sizes.hop, sizes.hops
  chunks = -(-(-(-samples // hop) + 1) // hops)
  table = scattering.make_table(
    spheres.radii_m,
    plan.freqs_hz,
    sound_speed_m_s=scene.speed_of_sound_m_s,
    forward_lobe=spheres.forward_lobe,
  )
  sources, order = light_sources(scene)
  floor = floor_gain(scene, plan.freqs_hz)
  gain_w, matrix = room.encoding(scene)
  speed = scene.speed_of_sound_m_s
  geometry = jax.tree.map(
    lambda x: jnp.asarray(x, jnp.float32),
    {
      "source": sources,
      "gain": np.stack([floor**n for n in order]),
      "mic": np.asarray(scene.mic_m),
      "gain_w": gain_w,
      "matrix": matrix,
      "frames_per_m": pose_rate_hz / speed,
      "samples_per_m": scene.sample_rate_hz / speed,
      "base_delay": plan.base_delay,
      "roll_off": plan.gain,
    },
  )
  geometry["class"] = jnp.asarray(spheres.radius_class, jnp.int32)
  fixed = None
  if rectangles is not None:
    fixed = {k: jnp.asarray(v) for k, v in shadow_paths(scene, plan).items()}
    fixed["mic"] = geometry["mic"]
    fixed["freqs"] = jnp.asarray(plan.freqs_hz, jnp.float32)
    fixed["speed"] = jnp.float32(speed)

  lead = sizes.fft_size + plan.base_delay
  total = chunks * hops * hop + sizes.fft_size + hop
  padded = np.zeros((len(music), lead + total), np.float32)
  padded[:, lead : lead + samples] = music
  # Frames of sound still under way, interpolation's neighbours, and the chunk.
  behind = math.ceil(sizes.fft_size / plan.sample_rate_hz * pose_rate_hz) + 3
  chunk_frames = hops * hop / plan.sample_rate_hz * pose_rate_hz
  window = behind + math.ceil(chunk_frames) + 4
  out = np.zeros((4, (chunks * hops + 1) * hop), np.float32)

  def run(chunk: int) -> np.ndarray:
    first = chunk * hops
    times = np.arange(first, first + hops + 1) * hop
    place = times / plan.sample_rate_hz * pose_rate_hz
    frame = np.floor(place).astype(np.int32)
    start = int(frame[0]) - behind
    rows = np.arange(start, start + window)
    rows = np.clip(rows, 0, len(spheres.centres_m) - 1)
    shadows = None
    if fixed is not None and rectangles is not None:
      shadows = dict(fixed)
      shadows["centre"] = jnp.asarray(rectangles.centres_m[rows], jnp.float32)
      shadows["axes"] = jnp.asarray(rectangles.half_axes_m[rows], jnp.float32)
    begin = (first + 1) * hop
    stop = begin + (hops - 1) * hop + sizes.fft_size
    result = _chunk(
      sizes,
      padded[:, begin:stop],
      np.float32(spheres.centres_m[rows]),
      frame - start,
      np.float32(place - frame),
      geometry,
      table,
      shadows,
    )
    return np.asarray(result)

  with concurrent.futures.ThreadPoolExecutor(_WORKERS) as pool:
    for chunk, piece in enumerate(pool.map(run, range(chunks))):
      begin = chunk * hops * hop
      out[:, begin : begin + piece.shape[1]] += piece
  return out[:, hop : hop + samples]
