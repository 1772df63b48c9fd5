// What belongs to a player's clip on one axis of time, under one cursor.
//
//   makeTimeline(root, player);
//
// root: element that holds timeline.html. data.timeline, made by timeline.py:
// `per_column` stored frames in one column of an image or one point of a line,
// `ramp` of the images' colours, `images` { title, uri, rows, low_text,
// high_text, ticks: [[row, text], ...] }, row 0 lowest, and `lines` { title,
// top, curves: [[colour, name, values], ...] }. Where there is ground truth the
// errors of the joints are drawn too, from the poses themselves.
const makeTimeline = (root, player) => {
  const { data, clips, has } = player;
  const canvas = root.querySelector("#times");
  const jointList = root.querySelector("#joint");
  const spanList = root.querySelector("#span");
  const narrow = () => canvas.clientWidth < 520;
  const left = has.truth ? 78 : 46;
  const right = 16, head = 26, foot = 40, gap = 12;
  const errors = has.truth ? makeErrors(player) : null;

  const rows = [
    ...(errors ? [errors.line, errors.map] : []),
    ...data.timeline.images.map((row) => ({ ...row, draw: drawImageRow,
                                            high: 132 })),
    ...data.timeline.lines.map((row) => ({ ...row, draw: drawLineRow,
                                           high: 66 })),
  ];
  let bottom = 0, tall = 0;
  for (const row of rows) {
    row.y = tall + head;
    tall += head + row.high + gap;
  }
  bottom = tall - gap;
  tall = bottom + foot;
  canvas.style.height = tall + "px";

  let span_s = 0;  // 0 shows the whole clip
  let colours = {};
  const readColours = () => {
    const style = getComputedStyle(document.documentElement);
    for (const name of ["ink", "soft", "line", "truth", "pred", "third"]) {
      colours[name] = style.getPropertyValue("--" + name).trim();
    }
    if (errors) errors.readColours(style);
  };

  // First and last frame of the clip on the axis: the page of it that holds
  // the player.
  const range = () => {
    const frames = player.frames();
    const size = Math.min(frames, span_s * data.rate_hz || Infinity);
    const page = Math.floor(player.position() / size) * size;
    const first = Math.max(0, Math.min(page, frames - size));
    return [first, first + size];
  };
  const wide = () => canvas.clientWidth - left - right;

  const drawAxis = (g, first, end) => {
    const clip = clips[player.clip()];
    const rate = data.counted ? 1 : data.rate_hz;
    // Frames that are no time are counted from one.
    const start = data.counted ? 0.5 : clip.first_s || 0;
    const begin = start + first / rate, long = (end - first) / rate;
    const steps = [0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600]
      .filter((step) => !data.counted || step >= 1);
    const most = Math.max(2, wide() / 60);
    const step = steps.find((s) => long / s <= most) || 1800;
    const [unit, name] = data.counted ? [1, data.counted + " of this clip"] :
      step < 60 ? [1, "seconds after the recording's start"] :
        [60, "minutes after the recording's start"];
    g.fillStyle = colours.soft;
    g.strokeStyle = colours.soft;
    g.lineWidth = 1;
    g.textAlign = "center";
    const early = Math.ceil(begin / step - 1e-9);
    for (let k = early; k * step <= begin + long; k++) {
      const x = left + wide() * (k * step - begin) / long;
      g.beginPath();
      g.moveTo(x, bottom);
      g.lineTo(x, bottom + 5);
      g.stroke();
      g.fillText(String(k * step / unit), x, bottom + 18);
    }
    g.fillText(name, left + wide() / 2, bottom + 34);
  };

  // Everything but the cursor, drawn again only when it would differ.
  const plate = document.createElement("canvas");
  let drawn = "";
  const drawPlate = (ratio, first, end) => {
    const key = [canvas.width, canvas.height, ratio, player.clip(), first, end]
      .join();
    if (key === drawn) return;
    drawn = key;
    plate.width = canvas.width;
    plate.height = canvas.height;
    const g = plate.getContext("2d");
    g.setTransform(ratio, 0, 0, ratio, 0, 0);
    const place = { left, right, wide: wide(), first, end, colours,
                    edge: canvas.clientWidth - right, base: player.base(),
                    per_column: data.timeline.per_column,
                    ramp: data.timeline.ramp };
    for (const row of rows) {
      g.font = "600 12px system-ui, sans-serif";
      g.fillStyle = colours.ink;
      g.textAlign = "left";
      g.fillText(row.title, 0, row.y - 8, narrow() ? wide() : undefined);
      g.font = "12px system-ui, sans-serif";
      row.draw(g, row, place);
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
    const at = Math.min(player.position(), player.last()) + 0.5;
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

  const longest_s = Math.max(...clips.map((clip) => clip.windows)) *
    data.frames / data.rate_hz;
  for (const option of [...spanList.options]) {
    if (data.counted ? +option.value : +option.value >= longest_s) {
      option.remove();
    }
  }
  root.querySelector("#span-label").hidden = spanList.length < 2;
  spanList.addEventListener("change", (e) => {
    span_s = +e.target.value;
    draw();
  });
  root.querySelector("#joint-label").hidden = !errors;
  if (errors) {
    data.joints.forEach((joint, j) => {
      jointList.add(new Option(joint, String(j)));
    });
    jointList.addEventListener("change", (e) => {
      errors.choose(+e.target.value);
      redraw();
    });
  }

  for (const row of rows) {
    if (!row.uri) continue;
    row.image = new Image();
    row.image.addEventListener("load", redraw);
    row.image.src = row.uri;
  }
  readColours();
  player.listen(draw);
  for (const wish of ["(prefers-color-scheme: dark)",
                      "(forced-colors: active)"]) {
    matchMedia(wish).addEventListener("change", () => {
      readColours();
      redraw();
    });
  }
  window.addEventListener("resize", redraw);
};
