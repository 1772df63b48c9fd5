"""Specs, and the split of features into audio and music by role."""

from __future__ import annotations

import json

import jax.numpy as jnp
import numpy as np
import pytest

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.systems.bgm2pose import features

SPEC = features.get_feature_set("logmel_intensity").spec


def test_the_default_set():
  assert SPEC.names == ("W", "X", "Y", "Z", "m0", "m1", "Ix", "Iy", "Iz")
  assert SPEC.indices("recording") == (0, 1, 2, 3)
  assert SPEC.indices("music") == (4, 5)
  assert SPEC.indices("intensity") == (6, 7, 8)
  assert SPEC.indices("response") == ()
  assert (SPEC.bands, SPEC.window_frames) == (128, 12)
  assert features.get_feature_set(SPEC.name).extract is features.extract


def test_spec_survives_json():
  stored = json.loads(json.dumps(SPEC.to_dict()))
  assert features.FeatureSpec.from_dict(stored) == SPEC
  stored["extra"] = 1
  with pytest.raises(InputError, match="extra"):
    features.FeatureSpec.from_dict(stored)


def test_unknown_names_are_refused():
  with pytest.raises(InputError, match="logmel_intensity"):
    features.get_feature_set("mfcc")
  with pytest.raises(InputError, match="role"):
    SPEC.indices("speaker")
  with pytest.raises(InputError, match="role"):
    features.Channel("W", "mic")
  with pytest.raises(InputError, match="repeated"):
    features.FeatureSpec(
      "twice", (features.Channel("W", "music"),) * 2, 128, 48_000, 0.05, 12
    )


@pytest.mark.parametrize("kind", [np.asarray, jnp.asarray])
def test_differences_then_intensity(kind):
  rng = np.random.default_rng(0)
  stored = rng.normal(size=(2, 12, 16, 9)).astype(np.float32)
  audio, music = features.conditioned(kind(stored), SPEC)
  assert isinstance(audio, type(kind(stored)))
  assert audio.dtype == np.float32
  want = [stored[..., r] - stored[..., m] for m in (4, 5) for r in range(4)]
  want += [stored[..., i] for i in (6, 7, 8)]
  np.testing.assert_array_equal(audio, np.stack(want, axis=-1))
  np.testing.assert_array_equal(music, stored[..., 4:6])
  names = features.audio_channels(SPEC)
  assert names[:2] == ("W-m0", "X-m0")
  assert names[4:] == ("W-m1", "X-m1", "Y-m1", "Z-m1", "Ix", "Iy", "Iz")
  assert len(names) == audio.shape[-1]


def test_roles_decide_not_positions():
  order = [8, 4, 0, 6, 1, 5, 2, 7, 3]
  mixed = features.FeatureSpec(
    "mixed", tuple(SPEC.channels[i] for i in order), 16, 48_000, 0.05, 12
  )
  rng = np.random.default_rng(0)
  stored = rng.normal(size=(1, 2, 16, 9)).astype(np.float32)
  audio, music = features.conditioned(stored[..., order], mixed)
  want_audio, want_music = features.conditioned(stored, SPEC)
  names = features.audio_channels(mixed)
  back = [names.index(n) for n in features.audio_channels(SPEC)]
  np.testing.assert_array_equal(audio[..., back], want_audio)
  np.testing.assert_array_equal(music, want_music)


def test_wrong_channel_count_is_named():
  with pytest.raises(InputError, match="W X Y Z m0 m1 Ix Iy Iz"):
    features.conditioned(np.zeros((1, 12, 128, 15), np.float32), SPEC)


def test_confidence_goes_to_the_music_too_where_there_is_one():
  kernel = features.get_feature_set("music_kernel").spec
  x = np.random.default_rng(0).normal(size=(2, 3, 4, 22)).astype(np.float32)
  audio, music = features.conditioned(x, kernel, "confidence")
  plain, played = features.conditioned(x, kernel)
  np.testing.assert_array_equal(audio, plain)
  np.testing.assert_array_equal(music[..., :2], played)
  np.testing.assert_array_equal(music[..., 2], x[..., 19])
  assert features.music_channels(kernel, "confidence") == ("m0", "m1", "sure")
  # The maps of the paper have none: the layout is `difference` there.
  nine = np.ones((1, 2, 3, 9), np.float32)
  assert features.conditioned(nine, SPEC, "confidence")[1].shape[-1] == 2


def test_every_layout_takes_the_music_kernel():
  kernel = features.get_feature_set("music_kernel").spec
  x = np.ones((2, 3, 4, 22), np.float32)
  channels = {}
  for layout in features.LAYOUTS:
    audio, music = features.conditioned(x, kernel, layout)
    assert audio.shape[-1] == len(features.audio_channels(kernel, layout))
    assert music.shape[-1] == len(features.music_channels(kernel, layout))
    channels[layout] = audio.shape[-1], music.shape[-1], bool(audio.any())
  assert channels == {
    "difference": (20, 2, True),
    "stacked": (22, 2, True),
    "logmel": (22, 2, True),
    "confidence": (20, 3, True),
    "recording": (20, 0, True),
    "music": (20, 2, False),
  }
