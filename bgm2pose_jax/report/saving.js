// Saves what the player shows: a picture, a video of the clip, its numbers.
//
//   makeSaving(root, player);
const makeSaving = (root, player) => {
  const { data, store, clips } = player;
  const view = root.querySelector("#view");
  const button = root.querySelector("#save-video");
  const say = (text) => { root.querySelector("#saved").textContent = text; };

  const save = (blob, ending) => {
    const at = data.live ? "" : "clip" + (player.clip() + 1) + "-";
    const name = "pose-" + at + player.time_s().toFixed(2) + "s." + ending;
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
    say("Saved " + name + ".");
  };

  // The view is transparent; a file needs the page's ground.
  const copy = document.createElement("canvas");
  const film = () => {
    copy.width = view.width;
    copy.height = view.height;
    const g = copy.getContext("2d");
    g.fillStyle = getComputedStyle(document.documentElement)
      .getPropertyValue("--bg").trim();
    g.fillRect(0, 0, copy.width, copy.height);
    g.drawImage(view, 0, 0);
  };

  root.querySelector("#save-picture").addEventListener("click", () => {
    film();
    copy.toBlob((blob) => save(blob, "png"), "image/png");
  });

  let recorder = null, clip = 0, before = 0;
  const follow = () => {
    if (!recorder) return;
    // The clip has been played when the player is at another or goes back.
    if (player.clip() !== clip || player.position() < before) {
      recorder.stop();
      return;
    }
    before = player.position();
    film();
  };
  const record = () => {
    const kinds = ["video/mp4;codecs=avc1.42E01E", "video/webm;codecs=vp9",
                   "video/webm"];
    const kind = kinds.find((each) => MediaRecorder.isTypeSupported(each));
    if (!kind) {
      say("This browser records no video.");
      return;
    }
    clip = player.clip();
    before = 0;
    player.pause();
    player.seek(0);
    film();
    const parts = [];
    const made = new MediaRecorder(copy.captureStream(30), {
      mimeType: kind, videoBitsPerSecond: 4e6 });
    made.addEventListener("dataavailable", (e) => parts.push(e.data));
    made.addEventListener("stop", () => {
      recorder = null;
      button.textContent = "Save video";
      player.pause();
      save(new Blob(parts, { type: kind }), kind.slice(6).split(";")[0]);
    });
    made.start();
    recorder = made;
    button.textContent = "Stop and save";
    say("Recording; the clip plays once.");
    player.play();
  };
  player.listen(follow);
  button.hidden = Boolean(data.live) || !window.MediaRecorder ||
    !view.captureStream;
  button.addEventListener("click", () => {
    if (recorder) recorder.stop();
    else record();
  });

  // A row for each frame of the clip: its time, its errors, its positions.
  const cell = (text) => '"' + String(text).replaceAll('"', '""') + '"';
  const rows = () => {
    const base = player.base(), count = player.frames();
    const first_s = clips[player.clip()].first_s || 0;
    const heads = [data.counted || "time_s"];
    const axes = ["x", "y", "z"];
    const kinds = ["pred", "target", "other"].filter(store.has);
    if (player.has.truth) {
      heads.push("mean error", ...data.joints.map((joint) => joint + " error"));
    }
    for (const kind of kinds) {
      for (const joint of data.joints) {
        heads.push(...axes.map(
          (axis) => player.names[kind] + " " + joint + " " + axis));
      }
    }
    const unit = ", " + data.lengths;
    const lines = [heads.map((head, k) => cell(k ? head + unit : head))];
    const out = new Float32Array(3 * data.joints.length);
    for (let k = 0; k < count; k++) {
      const time = data.counted ? k + 1 : (first_s + k / data.rate_hz);
      const line = [+time.toFixed(4)];
      if (player.has.truth) {
        const errors = store.errors(base + k);
        const sum = errors.reduce((total, value) => total + value, 0);
        line.push(+(sum / errors.length).toFixed(4),
                  ...Array.from(errors, (value) => +value.toFixed(4)));
      }
      for (const kind of kinds) {
        store.at(kind, base, count, k, out);
        line.push(...Array.from(out, (value) => +value.toFixed(4)));
      }
      lines.push(line);
    }
    return lines.map((line) => line.join(",") + "\n").join("");
  };
  const table = root.querySelector("#save-table");
  table.hidden = Boolean(data.live);
  table.addEventListener("click", () => {
    save(new Blob([rows()], { type: "text/csv" }), "csv");
  });
  root.querySelector("#link").hidden = Boolean(data.live);
};
