// Draws skeletons on a canvas; hands.js turns and zooms them.
//
//   const scene = makeScene(canvas, data, { height, reach }, onChange);
//   scene.draw([[body, ...], ...], note);   // a panel for each list of bodies
//   scene.turn(yaw, pitch); scene.zoom(factor); scene.reset();
//   scene.face("front")   from the front, the side or the top: along z, x, y
//   scene.follow(true)    keeps the person in the middle, wherever they go
//
// data: `bones` (parent, child), `joints`, the number `head` of one, and `girth`,
//   how many of the poses' units are 9 cm, an arm's width; 1 if left out.
// height, reach: size of the person in the unit of the poses.
// onChange: called after a hand, a window or a colour scheme changed the view.
// body: { name, pose: x, y, z of each joint, colour: "truth", "pred" or
//   "third", alpha,
//   tint: per joint 0 to 1 on the ramp of player.css instead of `colour`, or
//   null, halo: per joint radius of a circle behind it, or null, trail: earlier
//   poses, oldest first, or null }. The last body of a panel is followed.
// note: text in the corner of the picture.
const makeScene = (canvas, data, size, onChange) => {
  const joints = data.joints.length;
  const { height, reach } = size;
  const girth = data.girth || 1;
  const home = { yaw: 0.55, pitch: 0.16, zoom: 1 };
  const faces = { front: [0, 0], side: [Math.PI / 2, 0],
                  top: [0, 1.5] };
  const view = { ...home, follow: false };
  // Hands, feet and head: the joints that no bone begins at.
  const parents = new Set(data.bones.map(([parent]) => parent));
  const ends = [...Array(joints).keys()].filter((j) => !parents.has(j));
  const colours = {};
  let ramp = [];

  const readColours = () => {
    const style = getComputedStyle(document.documentElement);
    const named = (name) => style.getPropertyValue("--" + name).trim();
    for (const name of ["soft", "truth", "pred", "third", "floor", "bg"]) {
      colours[name] = named(name);
    }
    ramp = [0, 1, 2, 3].map((stop) => {
      const text = named("ramp-" + stop);
      return [1, 3, 5].map((at) => parseInt(text.slice(at, at + 2), 16));
    });
  };

  const rampColour = (share) => {
    const place = 3 * Math.max(0, Math.min(1, share));
    const low = Math.min(2, Math.floor(place));
    const mixed = ramp[low].map((value, k) =>
      Math.round(value + (place - low) * (ramp[low + 1][k] - value)));
    return "rgb(" + mixed.join(" ") + ")";
  };

  // Where on the floor the picture's middle is.
  const middle = (body) => {
    if (!view.follow) return [0, 0];
    let x = 0, z = 0;
    for (let j = 0; j < joints; j++) {
      x += body.pose[3 * j] / joints;
      z += body.pose[3 * j + 2] / joints;
    }
    return [x, z];
  };

  const projector = (left, width, tall, [mx, mz]) => {
    const around = view.follow ? Math.min(reach, height / 2) : reach;
    const scale = view.zoom * Math.min(
      (tall * 0.82) / height, (width * 0.46) / around);
    const cy = Math.cos(view.yaw), sy = Math.sin(view.yaw);
    const cp = Math.cos(view.pitch), sp = Math.sin(view.pitch);
    const far = 5 * Math.max(height, reach);
    return (x, y, z) => {
      const dy = y - height / 2;
      const x1 = cy * (x - mx) + sy * (z - mz);
      const z1 = cy * (z - mz) - sy * (x - mx);
      const y2 = cp * dy - sp * z1;
      const depth = cp * z1 + sp * dy;
      // Nothing comes closer than a fifth of the way to the eye.
      const near = far / Math.max(0.2 * far, far - depth);
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

  const circle = (g, at, radius) => {
    g.beginPath();
    g.arc(at[0], at[1], radius, 0, 7);
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

  const drawTrail = (g, project, body) => {
    g.strokeStyle = colours[body.colour];
    g.lineCap = "round";
    g.lineWidth = 2;
    const poses = [...body.trail, body.pose];
    for (const j of ends) {
      const at = poses.map((p) => project(p[3 * j], p[3 * j + 1],
                                          p[3 * j + 2]));
      for (let k = 1; k < at.length; k++) {
        g.globalAlpha = 0.8 * body.alpha * k / at.length;
        line(g, at[k - 1], at[k]);
      }
    }
    g.globalAlpha = 1;
  };

  const drawBody = (g, project, body) => {
    const p = body.pose, plain = colours[body.colour];
    const at = [], shadow = [];
    for (let j = 0; j < joints; j++) {
      at.push(project(p[3 * j], p[3 * j + 1], p[3 * j + 2]));
      shadow.push(project(p[3 * j], 0, p[3 * j + 2]));
    }
    const jointColour = (j) => body.tint ? rampColour(body.tint[j]) : plain;
    g.lineCap = "round";
    g.strokeStyle = colours.soft;
    g.globalAlpha = 0.14 * body.alpha;
    for (const [a, b] of data.bones) {
      g.lineWidth = 0.3 * girth * at[b][3];
      line(g, shadow[a], shadow[b]);
    }
    if (body.halo) {
      for (let j = 0; j < joints; j++) {
        g.fillStyle = jointColour(j);
        g.globalAlpha = 0.22 * body.alpha;
        circle(g, at[j], body.halo[j] * at[j][3]);
        g.fill();
      }
    }
    const order = data.bones.map(([a, b]) => [a, b, at[a][2] + at[b][2]]);
    order.sort((m, n) => m[2] - n[2]);
    const depth = Math.max(height, reach);
    for (const [a, b, d] of order) {
      // The far side fades, which tells left from right in a flat drawing.
      g.globalAlpha =
        body.alpha * Math.max(0.35, Math.min(1, 0.8 + d / depth));
      g.strokeStyle =
        body.tint ? rampColour((body.tint[a] + body.tint[b]) / 2) : plain;
      g.lineWidth = Math.max(2, 0.38 * girth * at[b][3]);
      line(g, at[a], at[b]);
    }
    g.globalAlpha = body.alpha;
    g.lineWidth = 1.5;
    for (let j = 0; j < joints; j++) {
      // A tinted joint is filled: its colour is what the picture is about.
      g.fillStyle = body.tint ? jointColour(j) : colours.bg;
      g.strokeStyle = jointColour(j);
      const wide = j === data.head ? 0.72 : body.tint ? 0.34 : 0.2;
      circle(g, at[j], wide * girth * at[j][3]);
      g.fill();
      g.stroke();
    }
    g.globalAlpha = 1;
  };

  const draw = (panels, note) => {
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
    const each = width / panels.length;
    panels.forEach((bodies, k) => {
      const project = projector(
        k * each, each, tall, middle(bodies[bodies.length - 1]));
      g.save();
      g.beginPath();
      g.rect(k * each, 0, each, tall);
      g.clip();
      drawFloor(g, project);
      bodies.forEach((body, n) => {
        if (body.trail) drawTrail(g, project, body);
        drawBody(g, project, body);
        g.fillStyle = colours[body.colour];
        g.font = "600 14px system-ui, sans-serif";
        g.fillText(body.name, k * each + 16, 26 + 20 * n);
      });
      g.restore();
    });
    if (note) {
      g.font = "700 12px system-ui, sans-serif";
      g.fillStyle = colours.soft;
      g.textAlign = "right";
      g.fillText(note, width - 14, tall - 14);
      g.textAlign = "left";
    }
  };

  const turn = (yaw, pitch) => {
    view.yaw += yaw;
    view.pitch = Math.max(-0.3, Math.min(1.5, view.pitch + pitch));
    onChange();
  };
  const zoom = (factor) => {
    view.zoom = Math.max(0.4, Math.min(4, view.zoom * factor));
    onChange();
  };
  const reset = () => {
    Object.assign(view, home);
    onChange();
  };
  const face = (name) => {
    [view.yaw, view.pitch] = faces[name];
    onChange();
  };
  const follow = (value) => {
    view.follow = value;
    onChange();
  };

  for (const wish of ["(prefers-color-scheme: dark)",
                      "(forced-colors: active)"]) {
    matchMedia(wish).addEventListener("change", () => {
      readColours();
      onChange();
    });
  }
  window.addEventListener("resize", onChange);
  readColours();
  useHands(canvas, turn, zoom);
  return { draw, turn, zoom, reset, face, follow };
};
