// The prediction's player, and what was heard and found on one axis of time.
//
// data.tracks, made by predict/tracks.py: `frames` on the axis, `per_column`
// of them in one column of an image or one point of a line, `ramp` of colours,
// `images` { title, uri, rows, low, high, ticks: [[row, text], ...] }, row 0
// lowest, and `lines` { title, top, curves: [[colour, name, values], ...] }.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const tracks = data.tracks;
  const canvas = document.getElementById("tracks");
  const start_s = data.clips[0].first_s;
  const left = 46, right = 16, head = 26, foot = 40, gap = 12;
  const font = "12px system-ui, sans-serif";

  const rows = [];
  let tall = 0;
  for (const [list, high] of [[tracks.images, 132], [tracks.lines, 66]]) {
    for (const track of list) {
      rows.push({ ...track, y: tall + head, high });
      tall += head + high + gap;
    }
  }
  const bottom = tall - gap;
  tall = bottom + foot;
  canvas.style.height = tall + "px";

  let span_s = 0;  // 0 shows all
  let colours = {};
  const readColours = () => {
    const style = getComputedStyle(document.documentElement);
    for (const name of ["ink", "soft", "line", "truth", "pred"]) {
      colours[name] = style.getPropertyValue("--" + name).trim();
    }
  };

  // First and last frame on the axis: the page of it that holds the player.
  const range = () => {
    const size = Math.min(tracks.frames, span_s * data.rate_hz || Infinity);
    const page = Math.floor(player.position() / size) * size;
    const first = Math.max(0, Math.min(page, tracks.frames - size));
    return [first, first + size];
  };
  const wide = () => canvas.clientWidth - left - right;

  const drawImage = (g, row, first, end) => {
    const source = (end - first) / tracks.per_column;
    // Many columns to a pixel are averaged, few are drawn as the boxes they
    // are.
    g.imageSmoothingEnabled =
      source > wide() || row.rows > row.high * window.devicePixelRatio;
    g.imageSmoothingQuality = "high";
    if (row.image.naturalWidth) {
      g.drawImage(row.image, first / tracks.per_column, 0, source, row.rows,
                  left, row.y, wide(), row.high);
    }
    g.fillStyle = colours.soft;
    g.textAlign = "right";
    for (const [at, text] of row.ticks) {
      g.fillText(text, left - 6,
                 row.y + row.high * (1 - (at + 0.5) / row.rows) + 4);
    }
    // The scale of colours, at the right of the title.
    const edge = canvas.clientWidth - right, bar = Math.min(70, wide() / 6);
    g.fillText(row.high_text, edge, row.y - 8);
    const end_x = edge - g.measureText(row.high_text).width - 6;
    const shades = g.createLinearGradient(end_x - bar, 0, end_x, 0);
    tracks.ramp.forEach((colour, k) => {
      shades.addColorStop(k / (tracks.ramp.length - 1), colour);
    });
    g.fillStyle = shades;
    g.fillRect(end_x - bar, row.y - 17, bar, 10);
    g.fillStyle = colours.soft;
    g.fillText(row.low_text, end_x - bar - 6, row.y - 8);
  };

  const drawLine = (g, row, first, end) => {
    g.strokeStyle = colours.line;
    g.lineWidth = 1;
    g.strokeRect(left, row.y, wide(), row.high);
    g.fillStyle = colours.soft;
    g.textAlign = "right";
    g.fillText(String(row.top), left - 6, row.y + 10);
    g.fillText("0", left - 6, row.y + row.high);
    g.save();
    g.beginPath();
    g.rect(left, row.y - 1, wide(), row.high + 2);
    g.clip();
    g.lineJoin = "round";
    for (const [colour, , values] of row.curves) {
      g.strokeStyle = colours[colour];
      g.lineWidth = 1.4;
      g.beginPath();
      values.forEach((value, k) => {
        const middle = (k + 0.5) * tracks.per_column;
        g.lineTo(left + wide() * (middle - first) / (end - first),
                 row.y + row.high * (1 - value / row.top));
      });
      g.stroke();
    }
    g.restore();
    if (row.curves.length > 1) {
      let x = canvas.clientWidth - right - 6;
      for (const [colour, name] of [...row.curves].reverse()) {
        g.fillStyle = colours[colour];
        g.fillText(name, x, row.y + 14);
        x -= g.measureText(name).width + 12;
      }
    }
  };

  const drawAxis = (g, first, end) => {
    const begin_s = start_s + first / data.rate_hz;
    const long_s = (end - first) / data.rate_hz;
    const steps = [0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600];
    const most = Math.max(2, wide() / 60);
    const step = steps.find((s) => long_s / s <= most) || 1800;
    const [unit, name] = step < 60 ? [1, "seconds"] : [60, "minutes"];
    g.fillStyle = colours.soft;
    g.strokeStyle = colours.soft;
    g.lineWidth = 1;
    g.textAlign = "center";
    const early = Math.ceil(begin_s / step - 1e-9);
    for (let k = early; k * step <= begin_s + long_s; k++) {
      const x = left + wide() * (k * step - begin_s) / long_s;
      g.beginPath();
      g.moveTo(x, bottom);
      g.lineTo(x, bottom + 5);
      g.stroke();
      g.fillText(String(k * step / unit), x, bottom + 18);
    }
    g.fillText(name + " after the recording's start", left + wide() / 2,
               bottom + 34);
  };

  // Everything but the cursor, drawn again only when it would differ.
  const plate = document.createElement("canvas");
  let drawn = "";
  const drawPlate = (ratio, first, end) => {
    const key = [canvas.width, canvas.height, ratio, first, end].join();
    if (key === drawn) return;
    drawn = key;
    plate.width = canvas.width;
    plate.height = canvas.height;
    const g = plate.getContext("2d");
    g.setTransform(ratio, 0, 0, ratio, 0, 0);
    for (const row of rows) {
      g.font = "600 " + font;
      g.fillStyle = colours.ink;
      g.textAlign = "left";
      g.fillText(row.title, 0, row.y - 8);
      g.font = font;
      (row.uri ? drawImage : drawLine)(g, row, first, end);
    }
    drawAxis(g, first, end);
  };

  const draw = () => {
    if (wide() <= 0) return;  // not laid out yet; a resize follows
    const ratio = window.devicePixelRatio || 1;
    canvas.width = Math.round(canvas.clientWidth * ratio);
    canvas.height = Math.round(tall * ratio);
    const [first, end] = range();
    drawPlate(ratio, first, end);
    const g = canvas.getContext("2d");
    g.drawImage(plate, 0, 0);
    g.setTransform(ratio, 0, 0, ratio, 0, 0);
    // A frame's middle lies half a frame behind its edge.
    const at = Math.min(player.position(), tracks.frames - 1) + 0.5;
    const x = left + wide() * (at - first) / (end - first);
    for (const [colour, thick] of [["#000000", 3.5], ["#ffffff", 1.5]]) {
      g.strokeStyle = colour;
      g.lineWidth = thick;
      for (const row of rows) {
        g.beginPath();
        g.moveTo(x, row.y);
        g.lineTo(x, row.y + row.high);
        g.stroke();
      }
    }
  };
  const redraw = () => {
    drawn = "";
    draw();
  };

  const seek = (e) => {
    const [first, end] = range();
    const share = (e.clientX - canvas.getBoundingClientRect().left - left) /
      wide();
    const inside = Math.max(0, Math.min(1, share));
    // The last frame before the edge: the next would turn the page.
    player.seek(Math.min(end - 1, Math.floor(first + inside * (end - first))));
  };
  canvas.addEventListener("pointerdown", (e) => {
    canvas.setPointerCapture(e.pointerId);
    seek(e);
  });
  canvas.addEventListener("pointermove", (e) => {
    if (canvas.hasPointerCapture(e.pointerId)) seek(e);
  });
  document.getElementById("span").addEventListener("change", (e) => {
    span_s = +e.target.value;
    draw();
  });
  for (const option of [...document.getElementById("span").options]) {
    if (+option.value * data.rate_hz >= tracks.frames) option.remove();
  }

  let player = null;
  for (const row of rows) {
    if (!row.uri) continue;
    row.image = new Image();
    row.image.addEventListener("load", redraw);
    row.image.src = row.uri;
  }
  readColours();
  player = makePlayer(document.getElementById("player"), data, (made) => {
    player = made;
    draw();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    readColours();
    redraw();
  });
  window.addEventListener("resize", redraw);
  player.focus();
})();
