// Frames in memory: the packed ones of a page, or a ring of the newest.
//
//   const store = makeStore(data);
//   store.at(name, first, count, place, out)   "pred", "target", "other" or
//     "spread" at a place, fractional, of the `count` frames from `first` on (of a ring:
//     from its oldest on), written into `out`
//   store.push(frame)   see player.js, as for `data`
//   store.errors(k)   distance of each joint to the truth in stored frame k
//   store.tops   where the colour scales of error and spread end
const makeStore = (data) => {
  const joints = data.joints.length;
  const sizes = { pred: 3 * joints, target: 3 * joints, other: 3 * joints,
                  spread: joints };
  const values = {};

  const decode = (text, wide, unit) => {
    const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
    if (!wide) return Float32Array.from(bytes, (value) => value * unit);
    const view = new DataView(bytes.buffer);
    const out = new Float32Array(bytes.length / 2);
    for (let i = 0; i < out.length; i++) {
      out[i] = view.getInt16(2 * i, true) * unit;
    }
    return out;
  };

  for (const name of Object.keys(sizes)) {
    if (data.live) {
      const wanted = name === "pred" || data.live[name];
      values[name] =
        wanted ? new Float32Array(data.live.frames * sizes[name]) : null;
    } else if (data[name]) {
      const wide = name !== "spread";
      values[name] =
        decode(data[name], wide, wide ? data.unit : data.spread_unit);
    } else {
      values[name] = null;
    }
  }
  const capacity = values.pred ? values.pred.length / sizes.pred : 0;
  // Frames ever pushed; the oldest one still there is pushed - held.
  let pushed = 0;
  const held = () => Math.min(pushed, capacity);

  const push = (frame) => {
    if (!data.live) throw new Error("this player has frames of its own");
    const named = { pred: frame.pose, target: frame.target,
                    other: frame.other, spread: frame.spread };
    for (const name of Object.keys(sizes)) {
      if (!values[name]) continue;
      const given = named[name];
      if (!given || given.length !== sizes[name] ||
          !given.every(Number.isFinite)) {
        throw new RangeError(
          name + " needs " + sizes[name] + " finite numbers");
      }
    }
    for (const name of Object.keys(sizes)) {
      if (values[name]) {
        values[name].set(named[name], (pushed % capacity) * sizes[name]);
      }
    }
    pushed += 1;
  };

  const at = (name, first, count, place, out) => {
    const start = data.live ? pushed - held() : first;
    const low = Math.min(Math.floor(place), count - 1);
    const high = Math.min(low + 1, count - 1);
    const part = Math.min(1, place - low);
    const size = sizes[name], source = values[name];
    const a = ((start + low) % capacity) * size;
    const b = ((start + high) % capacity) * size;
    for (let i = 0; i < size; i++) {
      out[i] = source[a + i] + part * (source[b + i] - source[a + i]);
    }
    return out;
  };

  const distances = (p, t) => {
    const out = new Float32Array(joints);
    for (let j = 0; j < joints; j++) {
      out[j] = Math.hypot(p[3 * j] - t[3 * j], p[3 * j + 1] - t[3 * j + 1],
                          p[3 * j + 2] - t[3 * j + 2]);
    }
    return out;
  };

  // A round number that few values exceed, for the top of a colour scale.
  const roundTop = (read) => {
    const found = [];
    const step = Math.max(1, Math.ceil(capacity / 1000));
    for (let k = 0; k < capacity; k += step) found.push(...read(k));
    found.sort((a, b) => a - b);
    const most = found[Math.floor(0.95 * (found.length - 1))] || 0;
    if (most <= 0) return 1;
    const unit = 10 ** Math.floor(Math.log10(most));
    const rounds = [1, 1.5, 2, 3, 4, 5, 6, 8, 10];
    return unit * rounds.find((k) => k * unit >= most * 0.999);
  };
  const cut = (name, k) =>
    values[name].subarray(k * sizes[name], (k + 1) * sizes[name]);
  const errors = (k) => distances(cut("pred", k), cut("target", k));
  const tops = { error: 2, spread: 1 };
  if (!data.live && values.target) tops.error = roundTop(errors);
  if (!data.live && values.spread) {
    tops.spread = roundTop((k) => cut("spread", k));
  }

  // Size of the scene, from the truth where there is one: a prediction that
  // flies off must not shrink the person. A stream begins with a standing one.
  const size = { height: 1, reach: 1, ...data.live };
  if (!data.live) {
    const measured = values.target || values.pred || [];
    for (let i = 0; i < measured.length; i += 3) {
      size.height = Math.max(size.height, measured[i + 1]);
      size.reach = Math.max(
        size.reach, Math.hypot(measured[i], measured[i + 2]));
    }
  }

  return { at, push, held, pushed: () => pushed, capacity, distances, errors,
           size, tops, has: (name) => values[name] !== null };
};
