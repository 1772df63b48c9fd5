// The skeleton player: one for reports, predictions and streams.
//
//   const player = makePlayer(root, data, onFrame);
//
// root: element that holds player.html; hidden when there is nothing to play.
// data: what packed_poses.py packs, or for frames that are yet to come
//   { live: { frames, target, spread, height, reach }, bones, head, joints,
//   lengths, rate_hz, simulated }: room for so many frames, the oldest making
//   way, whether frames come with ground truth and with spread, and how tall
//   and wide a person is at first. `lengths` names the unit of the poses.
//   `other` is a third figure, such as what the poses were made from; `names`
//   what "pred", "target" and "other" are called in the picture; `girth` see
//   scene.js; `sound` the address of what is heard from the first frame of the
//   only clip on. A page with sound waits for a press on play.
// onFrame: called with the player after every drawing; may be left out.
//
//   player.push({ pose, target, spread, time_s })   live only: one frame, as
//     arrays of 3, 3 and 1 numbers a joint; `time_s` of the recording. Throws
//     RangeError when a number is missing or not finite. A playing picture
//     follows the newest frame; after a pause or a step back it plays on from
//     there until it has caught up, or until End is pressed.
//   player.seek(frame)    of the clip, may be fractional; keeps playing if so
//   player.play(), player.pause(), player.playing()
//   player.position(), player.frames(), player.time_s()   where it stands
//   player.focus()        gives the keys to the player
const makePlayer = (root, data, onFrame) => {
  const byId = (id) => root.querySelector("#" + id);
  if (!data.live && !data.clips.length) {
    root.hidden = true;
    return null;
  }
  const store = makeStore(data);
  const joints = data.joints.length;
  const pose = new Float32Array(3 * joints);
  const truth = store.has("target") ? new Float32Array(3 * joints) : null;
  const other = store.has("other") ? new Float32Array(3 * joints) : null;
  const spread = store.has("spread") ? new Float32Array(joints) : null;
  const names = { pred: "Prediction", target: "Ground truth", other: "Other",
                  ...data.names };
  const sound = data.sound ? makeSound(data.sound) : null;

  let clip = data.live ? { label: "", start: 0, windows: 0 } : data.clips[0];
  let position = 0;
  let speed = 1;
  let overlay = false;
  let colour = spread && !truth ? "spread" : "figure";
  let following = Boolean(data.live);
  let newest_s = 0;
  let playing =
    !sound && !matchMedia("(prefers-reduced-motion: reduce)").matches;
  let previous = null;

  const frames = () =>
    data.live ? store.held() : clip.windows * (data.frames || 1);
  const last = () => Math.max(0, frames() - 1);
  const first_s = () => data.live ?
    newest_s - last() / data.rate_hz : clip.first_s || 0;
  const time_s = () => first_s() + Math.min(position, last()) / data.rate_hz;

  const clock = (seconds, long) => {
    if (!long) return seconds.toFixed(1);
    const tenths = Math.round(10 * seconds);
    const rest = ((tenths % 600) / 10).toFixed(1).padStart(4, "0");
    return Math.floor(tenths / 600) + ":" + rest;
  };

  const draw = () => {
    const count = frames();
    const note = data.simulated ? "SIMULATED" : "";
    if (!count) {
      scene.draw([[]], note);
      byId("readout").textContent = "Waiting for the first frame.";
      return;
    }
    const base = clip.start * (data.frames || 1);
    const read = (name, out) => store.at(name, base, count, position, out);
    read("pred", pose);
    if (truth) read("target", truth);
    if (other) read("other", other);
    if (spread) read("spread", spread);
    const error = truth && store.distances(pose, truth);
    const shown = { error, spread }[colour];
    const body = {
      name: names.pred, pose, colour: "pred",
      alpha: overlay ? 0.85 : 1,
      tint: shown ? shown.map((value) => value / store.tops[colour]) : null,
      halo: colour === "spread" ? spread : null,
    };
    const panels = [[body]];
    const place = (name, pose, colour) => {
      const beside = { name, pose, colour, alpha: overlay ? 0.75 : 1,
                       tint: null, halo: null };
      if (overlay) panels[0].unshift(beside);
      else panels.unshift([beside]);
    };
    if (truth) place(names.target, truth, "truth");
    if (other) place(names.other, other, "third");
    scene.draw(panels, note);
    tell(error);
    if (onFrame) onFrame(player);
  };

  const set = (id, text) => {
    const element = byId(id);
    if (element.textContent !== text) element.textContent = text;
  };

  const mean = (list) => list.reduce((sum, value) => sum + value, 0) / joints;

  const tell = (error) => {
    const frame = Math.min(Math.floor(position), last());
    const scrub = byId("scrub");
    scrub.max = String(last());
    scrub.value = String(frame);
    const end_s = first_s() + frames() / data.rate_hz;
    const long = end_s >= 100;
    const now = clock(time_s(), long) + " / " + clock(end_s, long) +
      (long ? " min" : " s");
    set("clock", now);
    scrub.setAttribute("aria-valuetext", now.replace("/", "of"));
    let text = clip.label;
    if (data.frames > 1) {
      const number = Math.floor(frame / data.frames);
      byId("window").value = String(number);
      text += ", window " + (clip.first + number);
    }
    const said = text ? [text] : [];
    if (error) {
      said.push("Mean joint distance in this frame " +
                mean(error).toFixed(2) + " " + data.lengths);
    }
    if (spread) {
      said.push("Mean spread in this frame " + mean(spread).toFixed(2) +
                " " + data.lengths);
    }
    set("readout", said.length ? said.join(". ") + "." : "");
  };

  const setColour = (value) => {
    colour = value;
    byId("colour").value = value;
    const names = { error: "distance of each joint to the truth",
                    spread: "standard deviation between the models" };
    byId("legend").hidden = value === "figure";
    if (value !== "figure") {
      set("legend-name", names[value] + ", " + data.lengths);
      set("legend-top", String(+store.tops[value].toPrecision(2)));
      set("legend-note", value === "spread" ?
        "and more; circles are as wide" : "and more");
    }
    draw();
  };

  const chooseClip = (index) => {
    if (!data.live) clip = data.clips[index];
    position = 0;
    if (data.frames > 1) {
      const list = byId("window");
      list.textContent = "";
      for (let i = 0; i < clip.windows; i++) {
        list.add(new Option(String(clip.first + i), String(i)));
      }
    }
    draw();
  };

  const setPlaying = (value) => {
    const begins = value && !playing;
    playing = value;
    set("play", playing ? "Pause" : "Play");
    if (begins) {
      if (!data.live && position >= last()) position = 0;
      start();
    }
    if (!playing) following = false;
    if (!playing && sound) sound.pause();
  };
  // Brings the sound to where the picture is.
  const hear = () => {
    if (sound && playing) sound.play(position / data.rate_hz, speed);
  };
  const start = () => {
    previous = null;
    hear();
    requestAnimationFrame(tick);
  };

  const tick = (now) => {
    if (!playing) return;
    if (previous !== null) {
      // A page in the background stops its clock; do not jump on return.
      const seconds = Math.min(0.2, (now - previous) / 1000);
      const heard_s = sound ? sound.time_s() : null;
      // The sound keeps the time: an ear notices a gap, an eye no dropped frame.
      position = heard_s === null ?
        position + seconds * speed * data.rate_hz : heard_s * data.rate_hz;
      if (data.live) {
        if (position >= last()) following = true;
        // Frames come in bursts; a few in hand keep the motion even.
        if (following) position = Math.max(position, last() - 6);
        position = Math.min(position, last());
      } else if (position >= frames()) {
        position = 0;
        hear();
      }
    }
    previous = now;
    draw();
    requestAnimationFrame(tick);
  };

  const seek = (frame) => {
    position = Math.max(0, Math.min(last(), frame));
    following = Boolean(data.live) && playing && position >= last();
    hear();
    draw();
  };
  const step = (count) => {
    setPlaying(false);
    seek(Math.round(position) + count);
  };
  const push = (frame) => {
    const full = store.held() === store.capacity;
    store.push(frame);
    newest_s = frame.time_s === undefined ?
      (store.pushed() - 1) / data.rate_hz : frame.time_s;
    // The same frame stays in view while older ones make way.
    if (full) position = Math.max(0, position - 1);
    if (!playing) draw();
  };

  const changeSpeed = (by) => {
    const list = byId("speed");
    const index = list.selectedIndex + by;
    list.selectedIndex = Math.max(0, Math.min(list.length - 1, index));
    speed = +list.value;
    hear();
  };
  const setSound = (value) => {
    sound.setOn(value);
    byId("sound").checked = value;
  };
  const setOverlay = (value) => {
    overlay = value;
    byId("overlay").checked = value;
    draw();
  };

  const player = {
    seek, push, frames, time_s,
    play: () => setPlaying(true), pause: () => setPlaying(false),
    playing: () => playing, position: () => position,
    focus: () => byId("view").focus({ preventScroll: true }),
  };
  const scene = makeScene(byId("view"), data, store.size, draw);

  // What this data does not have is not offered.
  const colours = ["figure", ...(truth ? ["error"] : []),
                   ...(spread ? ["spread"] : [])];
  for (const option of [...byId("colour").options]) {
    if (!colours.includes(option.value)) option.remove();
  }
  byId("colour-label").hidden = colours.length < 2;
  byId("help-colour").hidden = colours.length < 2;
  const several = Boolean(truth || other);
  byId("overlay-label").hidden = !several;
  byId("help-overlay").hidden = !several;
  byId("sound-label").hidden = !sound;
  byId("help-sound").hidden = !sound;
  byId("clip-label").hidden = Boolean(data.live) || data.clips.length < 2;
  byId("window-label").hidden = !(data.frames > 1);

  (data.clips || []).forEach((c, i) => {
    byId("clip").add(new Option(c.label, String(i)));
  });
  byId("clip").addEventListener("change", (e) => chooseClip(+e.target.value));
  byId("window").addEventListener("change", (e) => {
    seek(+e.target.value * data.frames);
  });
  byId("scrub").addEventListener("input", (e) => {
    setPlaying(false);
    seek(+e.target.value);
  });
  byId("play").addEventListener("click", () => setPlaying(!playing));
  byId("speed").addEventListener("change", (e) => {
    speed = +e.target.value;
    hear();
  });
  byId("sound").addEventListener("change", (e) => setSound(e.target.checked));
  byId("colour").addEventListener("change", (e) => setColour(e.target.value));
  byId("overlay").addEventListener("change", (e) => {
    setOverlay(e.target.checked);
  });
  byId("reset").addEventListener("click", () => scene.reset());

  const second = Math.round(data.rate_hz);
  const keys = {
    " ": () => setPlaying(!playing),
    ArrowLeft: (e) => step(e.shiftKey ? -second : -1),
    ArrowRight: (e) => step(e.shiftKey ? second : 1),
    Home: () => seek(0),
    End: () => {
      seek(last());
      if (!data.live) setPlaying(false);
    },
    "+": () => changeSpeed(1),
    "=": () => changeSpeed(1),
    "-": () => changeSpeed(-1),
    o: () => { if (several) setOverlay(!overlay); },
    m: () => { if (sound) setSound(!sound.isOn()); },
    c: () => setColour(colours[(colours.indexOf(colour) + 1) % colours.length]),
    r: () => scene.reset(),
    w: () => scene.turn(0, 0.12),
    a: () => scene.turn(-0.15, 0),
    s: () => scene.turn(0, -0.12),
    d: () => scene.turn(0.15, 0),
  };
  root.addEventListener("keydown", (e) => {
    if (e.ctrlKey || e.altKey || e.metaKey) return;
    const key = e.key.length === 1 ? e.key.toLowerCase() : e.key;
    // Lists have keys of their own, and space presses what is in focus.
    const kind = e.target.tagName;
    if (kind === "SELECT" || !Object.hasOwn(keys, key)) return;
    if (key === " " && kind !== "CANVAS" && e.target.type !== "range") return;
    e.preventDefault();
    keys[key](e);
  });

  set("play", playing ? "Pause" : "Play");
  chooseClip(0);
  setColour(colour);
  if (playing) start();
  return player;
};
