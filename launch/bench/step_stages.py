"""The train step cut into stages that run alone, forward and backward.

A stage is the part of the network or of the step that its name says, with the
run's own modules and parameters, as one compiled program: outputs, then the
gradients of its own parameters and of its inputs for a made-up gradient of the
outputs. Each stage's outputs are the next one's inputs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from flax import nnx

from bgm2pose_jax.data import device_cache
from bgm2pose_jax.runtime import mesh as mesh_lib
from bgm2pose_jax.systems.bgm2pose import pose_terms
from bgm2pose_jax.systems.bgm2pose.config import Config
from bgm2pose_jax.systems.bgm2pose.models.output import PoseOutput
from launch.bench import network, stage_program

_DECODER = [
  "merge",
  "down1",
  "down2",
  "up1",
  "decode1",
  "up2",
  "decode2",
  "tail",
  "head",
]


def stages_of(config: Config, calls: int) -> list[stage_program.Stage]:
  """Builds every stage of a configuration's train step, on one device.

  Args:
    config: the configuration of the run; the whole batch is this device's.
    calls: how often `run` calls the program before it waits.
  """
  return _Builder(config, calls).build()


class _Builder:
  def __init__(self, config: Config, calls: int):
    self.calls = calls
    self.stages: list[stage_program.Stage] = []
    self.mesh = mesh_lib.make_mesh(jax.devices()[:1])
    batch = config.batch.size
    table = network.made_up_windows(2 * batch)
    made = network.Training(config, table, self.mesh)
    self.task, self.state, self.cache = made.task, made.state, made.cache
    self.control = made.control
    self.index = np.arange(0, 2 * batch, 2, dtype=np.int32)
    self.keys = jax.random.split(jax.random.key(0), batch)
    self.dtype = np.dtype(config.run.compute_dtype)

  def build(self) -> list[stage_program.Stage]:
    model = self.task.training_model(self.state.params, self.state.model_state)
    audio, music, target = self._inputs()
    x = self._layers(
      "audio stem", ["audio_stem"], lambda m, x, k: m.encode_audio(x, k), audio
    )
    if model.frequency_attention is not None:
      inputs = [x]
      if model.music_stem is not None:
        encoded = self._layers(
          "music stem",
          ["music_stem"],
          lambda m, x, k: m.encode_music(x, k),
          music,
        )
        inputs.append(encoded)
      x = self._layers(
        "frequency attention",
        ["frequency_attention"],
        # With or without the music, and the keys at the end.
        lambda m, x, *rest: m.frequency_attention(x, *(None, *rest)[-2:]),
        *inputs,
        differentiate=len(inputs),
      )
    x = self._layers(
      "body",
      ["body"],
      lambda m, x, k: m.halve_bands(x, k),
      x,
      differentiate=1,
    )
    pose, sequence = self._layers(
      "decoder", _DECODER, lambda m, x, k: m.decode(x, k), x, differentiate=1
    )
    embeddings = (None, None)
    if model.contrastive is not None:
      embeddings = self._layers(
        "contrastive heads",
        ["contrastive"],
        lambda m, x, y, k: (
          m.contrastive.audio(x, k),
          m.contrastive.pose(y, k),
        ),
        sequence,
        target,
        differentiate=1,
      )
    self._losses(PoseOutput(pose, *embeddings), target)
    self._optimiser()
    return self.stages

  def _inputs(self) -> Any:
    """Gathering, normalising, noise and the cast to the compute type."""

    def run(statistics, cache, index, keys):
      batch = device_cache.take(cache, index)
      audio, music = self.task.training_inputs(statistics, batch, keys)
      target = batch["pose"] - statistics["pose_mean"]
      return audio.astype(self.dtype), music.astype(self.dtype), target

    arguments = (self.state.statistics, self.cache, self.index, self.keys)
    rows = jax.tree.map(lambda x: x[: len(self.index)], self.cache)
    return self._add(
      "inputs", run, arguments, (None, None, 0, 0), (0, 0, 0), read=rows
    )

  def _layers(
    self,
    name: str,
    modules: list[str],
    method: Callable[..., Any],
    *inputs: Any,
    differentiate: int = 0,
  ) -> Any:
    """A part of the network, forward and backward.

    Args:
      name: the name of the stage.
      modules: attributes of the network whose parameters it has.
      method: (network, *inputs, keys) -> outputs.
      *inputs: [b, ...].
      differentiate: how many of the inputs, the first ones, hand gradients
        on to what comes before; the others are data.

    Returns:
      The outputs.
    """
    own = {key: self.state.params[key] for key in modules}
    count = 1 + differentiate

    def forward(rest, statistics, keys, params, *values):
      model = self.task.training_model({**rest, **params}, statistics)
      out = method(model, *values, keys)
      after = nnx.as_pure(nnx.state(model, nnx.Not(nnx.Param)))
      return out, {key: after[key] for key in modules if key in after}

    def run(rest, statistics, params, keys, cotangent, *values):
      rest, statistics, params = mesh_lib.to_varying((rest, statistics, params))
      point = (params, *values)
      fixed = point[count:]

      def of(*moving):
        return forward(rest, statistics, keys, *moving, *fixed)

      out, back, after = jax.vjp(of, *point[:count], has_aux=True)
      grad, *input_grads = back(cotangent)
      shared = jax.lax.pmean((grad, after), mesh_lib.DATA_AXIS)
      return out, tuple(input_grads), *shared

    rest = {k: v for k, v in self.state.params.items() if k not in modules}
    shapes = jax.eval_shape(
      mesh_lib.over_devices(
        lambda r, s, k, p, *v: forward(
          *mesh_lib.to_varying((r, s)), k, mesh_lib.to_varying(p), *v
        )[0],
        self.mesh,
        in_axes=(None, None, 0, None, *(0 for _ in inputs)),
        out_axes=0,
      ),
      *(rest, self.state.model_state, self.keys, own, *inputs),
    )
    cotangent = jax.tree.map(
      lambda s: jax.random.normal(jax.random.key(1), s.shape, s.dtype), shapes
    )
    statistics = self.state.model_state
    arguments = (rest, statistics, own, self.keys, cotangent, *inputs)
    axes = (None, None, None, 0, 0, *(0 for _ in inputs))
    # The two passes are apart in time: what both need is read twice.
    read = (own, own, cotangent, inputs, inputs)
    out, *_ = self._add(name, run, arguments, axes, (0, 0, None, None), read)
    return out

  def _losses(self, out: PoseOutput, target: Any) -> None:
    """Loss terms, their gradient at the outputs and the logged norms."""
    weights = self.task.config.loss

    def run(out, target):
      def total(out):
        terms = pose_terms.loss_terms(weights, out, target)
        return sum(terms[name] for name in sorted(terms))

      loss, grads = jax.value_and_grad(total)(out)
      loss = jax.lax.pmean(loss, mesh_lib.DATA_AXIS)
      return loss, grads, pose_terms.term_norms(weights, out, target)

    self._add("losses", run, (out, target), (0, 0), (None, 0, None))

  def _optimiser(self) -> None:
    """Adam, the check that all is finite and the norms; state not donated."""
    figures = {"loss": np.float32(1), "gradient_norm": np.float32(1)}

    def run(state, figures, grads, control):
      kept = state.model_state, state.critic
      return self.task.apply_gradients(
        state, dict(figures), grads, *kept, control
      )

    state = self.state.replace(snapshots=(), statistics={})
    # Any numbers of the right shapes are gradients.
    arguments = (state, figures, self.state.params, self.control)
    self._add("optimiser", run, arguments, (None,) * 4, (None, None))

  def _add(
    self,
    name: str,
    function: Callable[..., Any],
    arguments: tuple[Any, ...],
    in_axes: tuple[int | None, ...],
    out_axes: tuple[int | None, ...],
    read: Any = None,
  ) -> Any:
    """Keeps a stage and returns what it gives; see `stage_program.make`."""
    stage, outputs = stage_program.make(
      name,
      function,
      self.mesh,
      arguments,
      in_axes,
      out_axes,
      calls=self.calls,
      read=read,
    )
    self.stages.append(stage)
    return outputs
