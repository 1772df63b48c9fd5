// The rows of a timeline: images, lines, and the errors of the joints.
//
//   drawImageRow(g, row, place); drawLineRow(g, row, place);
//   const { line, map, choose, readColours } = makeErrors(player);
//
// place: { left, right, wide, edge, first, end, base, per_column, colours, ramp
// }: the drawing's bounds in pixels, the frames of the clip it shows, and where
// the clip begins among all frames.

const drawImageRow = (g, row, place) => {
  const { left, wide, edge, first, end, base, per_column, colours } = place;
  const source = (end - first) / per_column;
  // Many columns to a pixel are averaged, few are drawn as the boxes they are.
  g.imageSmoothingEnabled =
    source > wide || row.rows > row.high * window.devicePixelRatio;
  g.imageSmoothingQuality = "high";
  if (row.image.naturalWidth) {
    g.drawImage(row.image, (base + first) / per_column, 0, source, row.rows,
                left, row.y, wide, row.high);
  }
  g.fillStyle = colours.soft;
  g.textAlign = "right";
  for (const [at, text] of row.ticks) {
    g.fillText(text, left - 6,
               row.y + row.high * (1 - (at + 0.5) / row.rows) + 4);
  }
  drawScale(g, row, edge, wide, colours, place.ramp);
};

// The scale of colours, at the right of a row's title.
const drawScale = (g, row, edge, wide, colours, ramp) => {
  const bar = Math.min(70, wide / 6);
  g.textAlign = "right";
  g.fillStyle = colours.soft;
  g.fillText(row.high_text, edge, row.y - 8);
  const end_x = edge - g.measureText(row.high_text).width - 6;
  const shades = g.createLinearGradient(end_x - bar, 0, end_x, 0);
  ramp.forEach((colour, k) => {
    shades.addColorStop(k / (ramp.length - 1), colour);
  });
  g.fillStyle = shades;
  g.fillRect(end_x - bar, row.y - 17, bar, 10);
  g.fillStyle = colours.soft;
  g.fillText(row.low_text, end_x - bar - 6, row.y - 8);
};

const drawLineRow = (g, row, place) => {
  const { left, wide, edge, first, end, base, per_column, colours } = place;
  g.strokeStyle = colours.line;
  g.lineWidth = 1;
  g.strokeRect(left, row.y, wide, row.high);
  g.fillStyle = colours.soft;
  g.textAlign = "right";
  g.fillText(String(row.top), left - 6, row.y + 10);
  g.fillText("0", left - 6, row.y + row.high);
  g.save();
  g.beginPath();
  g.rect(left, row.y - 1, wide, row.high + 2);
  g.clip();
  g.lineJoin = "round";
  const shift = base + first;
  // One point more on either side, so that lines reach the edges.
  const from = Math.max(0, Math.floor(shift / per_column) - 1);
  const to = Math.ceil((base + end) / per_column) + 1;
  for (const [colour, , values] of row.curves) {
    g.strokeStyle = colours[colour];
    g.lineWidth = 1.4;
    g.beginPath();
    for (let k = from; k < Math.min(to, values.length); k++) {
      const middle = (k + 0.5) * per_column - shift;
      g.lineTo(left + wide * middle / (end - first),
               row.y + row.high * (1 - values[k] / row.top));
    }
    g.stroke();
  }
  g.restore();
  if (row.curves.length < 2) return;
  let x = edge - 6;
  g.textAlign = "right";
  for (const [colour, name] of [...row.curves].reverse()) {
    g.fillStyle = colours[colour];
    g.fillText(name, x, row.y + 14);
    x -= g.measureText(name).width + 12;
  }
};

// The distance of the joints to the truth: a line of their mean, or of one
// joint, and a map with a row for each joint.
const makeErrors = (player) => {
  const { data, store } = player;
  const joints = data.joints.length;
  const top = +store.tops.error.toPrecision(2);
  const one = 11;  // pixels of a joint's row
  let chosen = -1;
  let stops = [];

  const errorAt = (k) => {
    const errors = store.errors(k);
    if (chosen >= 0) return errors[chosen];
    return errors.reduce((sum, value) => sum + value, 0) / joints;
  };
  // Of a clip, at most as many points as a screen has pixels.
  const line = {
    title: "", high: 66,
    draw: (g, row, place) => {
      const { base, first, end } = place;
      const step = Math.max(1, Math.ceil((end - first) / 4000));
      const values = [];
      for (let k = first; k < end; k += step) {
        values.push(errorAt(Math.floor(base + k)));
      }
      const most = Math.max(...values, 1e-9);
      const unit = 10 ** Math.floor(Math.log10(most));
      const shown = {
        ...row, top: unit * [1, 2, 5, 10].find((k) => k * unit >= most * 0.999),
        curves: [["pred", "", values]],
      };
      shown.top = +shown.top.toPrecision(2);
      drawLineRow(g, shown, { ...place, base: 0, first: 0, end: end - first,
                              per_column: step });
    },
  };
  const map = {
    title: "Error of each joint, " + data.lengths, high: one * joints,
    low_text: "0", high_text: top + " and more",
    draw: (g, row, place) => {
      const { left, wide, edge, base, first, end, colours } = place;
      const step = Math.max(1, Math.ceil((end - first) / 4000));
      const columns = Math.ceil((end - first) / step);
      const small = new OffscreenCanvas(columns, joints);
      const pixels = new ImageData(columns, joints);
      for (let x = 0; x < columns; x++) {
        const errors = store.errors(Math.floor(base + first + x * step));
        for (let j = 0; j < joints; j++) {
          const share = 3 * Math.max(0, Math.min(1, errors[j] / top));
          const low = Math.min(2, Math.floor(share));
          const at = 4 * (j * columns + x);
          for (let c = 0; c < 3; c++) {
            pixels.data[at + c] = stops[low][c] +
              (share - low) * (stops[low + 1][c] - stops[low][c]);
          }
          pixels.data[at + 3] = 255;
        }
      }
      small.getContext("2d").putImageData(pixels, 0, 0);
      g.imageSmoothingEnabled = columns > wide;
      g.drawImage(small, left, row.y, wide, row.high);
      g.fillStyle = colours.soft;
      g.textAlign = "right";
      g.font = "10px system-ui, sans-serif";
      data.joints.forEach((joint, j) => {
        g.fillText(joint, left - 6, row.y + one * (j + 0.5) + 3.5, left - 8);
      });
      g.font = "12px system-ui, sans-serif";
      drawScale(g, row, edge, wide, colours,
                stops.map((rgb) => "rgb(" + rgb.join(" ") + ")"));
    },
  };
  const choose = (joint) => {
    chosen = joint;
    line.title = (joint < 0 ? "Error, mean of the joints, " :
      "Error of " + data.joints[joint] + ", ") + data.lengths;
  };
  const readColours = (style) => {
    stops = [0, 1, 2, 3].map((stop) => {
      const text = style.getPropertyValue("--ramp-" + stop).trim();
      return [1, 3, 5].map((at) => parseInt(text.slice(at, at + 2), 16));
    });
  };
  choose(-1);
  return { line, map, choose, readColours };
};
