"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const byId = (id) => document.getElementById(id);
  const canvas = byId("view");
  if (!data.clips.length) {
    byId("player").hidden = true;
    return;
  }
  const joints = data.joints.length;
  const frameSize = joints * 3;

  const decode = (text) => {
    if (!text) return null;
    const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
    const view = new DataView(bytes.buffer);
    const out = new Float32Array(bytes.length / 2);
    for (let i = 0; i < out.length; i++) {
      out[i] = view.getInt16(2 * i, true) * data.unit;
    }
    return out;
  };
  const pred = decode(data.pred);
  const truth = decode(data.target);

  // Size of the scene, from the truth where there is one: a prediction that
  // flies off must not shrink the person.
  let height = 1;
  let reach = 1;
  const measured = truth || pred;
  for (let i = 0; i < measured.length; i += 3) {
    height = Math.max(height, measured[i + 1]);
    reach = Math.max(reach, Math.hypot(measured[i], measured[i + 2]));
  }

  const home = { yaw: 0.55, pitch: 0.16, zoom: 1 };
  const view = { ...home };
  let clip = data.clips[0];
  let position = 0;
  let speed = 1;
  let overlay = false;
  let playing = !matchMedia("(prefers-reduced-motion: reduce)").matches;
  let colours = {};
  const readColours = () => {
    const style = getComputedStyle(document.documentElement);
    for (const name of ["ink", "soft", "truth", "pred", "floor", "bg"]) {
      colours[name] = style.getPropertyValue("--" + name).trim();
    }
  };

  const frames = () => clip.windows * data.frames;

  const pose = (source, at) => {
    const base = clip.start * data.frames;
    const low = Math.min(Math.floor(at), frames() - 1);
    const high = Math.min(low + 1, frames() - 1);
    const part = Math.min(1, at - low);
    const out = new Float32Array(frameSize);
    for (let i = 0; i < frameSize; i++) {
      const a = source[(base + low) * frameSize + i];
      const b = source[(base + high) * frameSize + i];
      out[i] = a + part * (b - a);
    }
    return out;
  };

  const projector = (left, width, tall) => {
    const scale = view.zoom * Math.min(
      (tall * 0.82) / height, (width * 0.46) / reach);
    const cy = Math.cos(view.yaw), sy = Math.sin(view.yaw);
    const cp = Math.cos(view.pitch), sp = Math.sin(view.pitch);
    const far = 5 * Math.max(height, reach);
    return (x, y, z) => {
      const dy = y - height / 2;
      const x1 = cy * x + sy * z;
      const z1 = cy * z - sy * x;
      const y2 = cp * dy - sp * z1;
      const depth = cp * z1 + sp * dy;
      const near = far / (far - depth);
      return [left + width / 2 + x1 * scale * near,
              tall / 2 - y2 * scale * near, depth, near * scale];
    };
  };

  const line = (g, a, b) => {
    g.beginPath();
    g.moveTo(a[0], a[1]);
    g.lineTo(b[0], b[1]);
    g.stroke();
  };

  const drawFloor = (g, project) => {
    g.strokeStyle = colours.floor;
    g.lineWidth = 1;
    const half = 1.7 * reach, lines = 8;
    for (let i = 0; i <= lines; i++) {
      const at = -half + (2 * half * i) / lines;
      line(g, project(at, 0, -half), project(at, 0, half));
      line(g, project(-half, 0, at), project(half, 0, at));
    }
  };

  const drawBody = (g, project, p, colour, alpha) => {
    const at = [];
    for (let j = 0; j < joints; j++) {
      at.push(project(p[3 * j], p[3 * j + 1], p[3 * j + 2]));
    }
    const shadow = [];
    for (let j = 0; j < joints; j++) {
      shadow.push(project(p[3 * j], 0, p[3 * j + 2]));
    }
    g.lineCap = "round";
    g.strokeStyle = colours.soft;
    g.globalAlpha = 0.14 * alpha;
    for (const [a, b] of data.bones) {
      g.lineWidth = 0.3 * at[b][3];
      line(g, shadow[a], shadow[b]);
    }
    const order = data.bones.map(([a, b]) => [a, b, at[a][2] + at[b][2]]);
    order.sort((m, n) => m[2] - n[2]);
    const depth = Math.max(height, reach);
    for (const [a, b, d] of order) {
      // The far side fades, which tells left from right in a flat drawing.
      g.globalAlpha = alpha * Math.max(0.35, Math.min(1, 0.8 + d / depth));
      g.strokeStyle = colour;
      g.lineWidth = Math.max(2, 0.38 * at[b][3]);
      line(g, at[a], at[b]);
    }
    g.globalAlpha = alpha;
    g.fillStyle = colours.bg;
    g.strokeStyle = colour;
    g.lineWidth = 1.5;
    for (let j = 0; j < joints; j++) {
      const head = j === data.head;
      g.beginPath();
      g.arc(at[j][0], at[j][1], (head ? 0.72 : 0.2) * at[j][3], 0, 7);
      g.fill();
      g.stroke();
    }
    g.globalAlpha = 1;
  };

  const draw = () => {
    const ratio = window.devicePixelRatio || 1;
    const width = canvas.clientWidth, tall = canvas.clientHeight;
    if (canvas.width !== Math.round(width * ratio) ||
        canvas.height !== Math.round(tall * ratio)) {
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(tall * ratio);
    }
    const g = canvas.getContext("2d");
    g.setTransform(ratio, 0, 0, ratio, 0, 0);
    g.clearRect(0, 0, width, tall);
    const p = pose(pred, position);
    const t = truth && pose(truth, position);
    const panels = [];
    if (t && !overlay) {
      panels.push([[["Ground truth", t, colours.truth, 1]]]);
      panels.push([[["Prediction", p, colours.pred, 1]]]);
    } else {
      const both = [];
      if (t) both.push(["Ground truth", t, colours.truth, 0.75]);
      both.push(["Prediction", p, colours.pred, t ? 0.85 : 1]);
      panels.push([both]);
    }
    const each = width / panels.length;
    panels.forEach(([bodies], k) => {
      const project = projector(k * each, each, tall);
      g.save();
      g.beginPath();
      g.rect(k * each, 0, each, tall);
      g.clip();
      drawFloor(g, project);
      bodies.forEach(([name, body, colour, alpha], n) => {
        drawBody(g, project, body, colour, alpha);
        g.fillStyle = colour;
        g.font = "600 14px system-ui, sans-serif";
        g.fillText(name, k * each + 16, 26 + 20 * n);
      });
      g.restore();
    });
    if (data.simulated) {
      g.font = "700 12px system-ui, sans-serif";
      g.fillStyle = colours.soft;
      g.textAlign = "right";
      g.fillText("SIMULATED DATA", width - 14, tall - 14);
      g.textAlign = "left";
    }
    readout(p, t);
  };

  let told = "";
  const readout = (p, t) => {
    const frame = Math.min(Math.floor(position), frames() - 1);
    const number = Math.min(
      clip.windows - 1, Math.floor(frame / data.frames));
    byId("scrub").value = String(frame);
    byId("window").value = String(number);
    const rate = data.frames / data.window_s;
    byId("clock").textContent =
      (frame / rate).toFixed(1) + " / " + (frames() / rate).toFixed(1) + " s";
    let text = clip.label + ", window " + (clip.first + number);
    if (t) {
      let sum = 0;
      for (let j = 0; j < joints; j++) {
        sum += Math.hypot(p[3 * j] - t[3 * j], p[3 * j + 1] - t[3 * j + 1],
                          p[3 * j + 2] - t[3 * j + 2]);
      }
      text += ". Mean joint distance in this frame " +
        (sum / joints).toFixed(2) + " hip-spine lengths.";
    }
    if (text !== told) {
      told = text;
      byId("readout").textContent = text;
    }
  };

  const chooseClip = (index) => {
    clip = data.clips[index];
    position = 0;
    byId("scrub").max = String(frames() - 1);
    const list = byId("window");
    list.textContent = "";
    for (let i = 0; i < clip.windows; i++) {
      list.add(new Option(String(clip.first + i), String(i)));
    }
    draw();
  };

  const setPlaying = (value) => {
    playing = value;
    byId("play").textContent = playing ? "Pause" : "Play";
    if (playing) {
      if (position >= frames() - 1) position = 0;
      previous = null;
      requestAnimationFrame(tick);
    }
  };

  let previous = null;
  const tick = (now) => {
    if (!playing) return;
    if (previous !== null) {
      // A page in the background stops its clock; do not jump on return.
      const seconds = Math.min(0.2, (now - previous) / 1000);
      position += seconds * speed * data.frames / data.window_s;
      if (position >= frames()) position = 0;
    }
    previous = now;
    draw();
    requestAnimationFrame(tick);
  };

  data.clips.forEach((c, i) => {
    byId("clip").add(new Option(c.label, String(i)));
  });
  byId("clip").addEventListener("change", (e) => chooseClip(+e.target.value));
  byId("window").addEventListener("change", (e) => {
    position = +e.target.value * data.frames;
    draw();
  });
  byId("scrub").addEventListener("input", (e) => {
    position = +e.target.value;
    setPlaying(false);
    draw();
  });
  byId("play").addEventListener("click", () => setPlaying(!playing));
  byId("speed").addEventListener("change", (e) => { speed = +e.target.value; });
  byId("overlay").addEventListener("change", (e) => {
    overlay = e.target.checked;
    draw();
  });
  byId("front").addEventListener("click", () => {
    Object.assign(view, home);
    draw();
  });
  if (!truth) byId("overlay-label").hidden = true;

  let grabbed = null;
  canvas.addEventListener("pointerdown", (e) => {
    grabbed = [e.clientX, e.clientY];
    canvas.setPointerCapture(e.pointerId);
  });
  canvas.addEventListener("pointermove", (e) => {
    if (!grabbed) return;
    view.yaw += (e.clientX - grabbed[0]) * 0.01;
    view.pitch = Math.max(-0.3, Math.min(
      1.5, view.pitch + (e.clientY - grabbed[1]) * 0.008));
    grabbed = [e.clientX, e.clientY];
    draw();
  });
  for (const end of ["pointerup", "pointercancel"]) {
    canvas.addEventListener(end, () => { grabbed = null; });
  }
  canvas.addEventListener("wheel", (e) => {
    e.preventDefault();
    view.zoom = Math.max(0.4, Math.min(
      4, view.zoom * Math.exp(-e.deltaY * 0.001)));
    draw();
  }, { passive: false });

  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    readColours();
    draw();
  });
  window.addEventListener("resize", draw);
  readColours();
  chooseClip(0);
  setPlaying(playing);
})();
