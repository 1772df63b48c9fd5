// The buttons, lists and keys of a player, and what it says in words.
//
//   const controls = makeControls(root, player, scene);
//   controls.tell({ clip, chosen, frame, error, spread, end_s })   what is seen
//   controls.wait()   there is nothing to show yet
//   controls.setPlaying(playing); controls.setColour(name)
const makeControls = (root, player, scene) => {
  const { data, store, clips, has, sound } = player;
  const byId = (id) => root.querySelector("#" + id);
  const on = (id, event, act) => byId(id).addEventListener(event, act);
  const set = (id, text) => {
    const element = byId(id);
    if (element.textContent !== text) element.textContent = text;
  };
  const mean = (list) =>
    list.reduce((sum, value) => sum + value, 0) / list.length;

  const clock = (seconds, long) => {
    if (!long) return seconds.toFixed(1);
    const tenths = Math.round(10 * seconds);
    const rest = ((tenths % 600) / 10).toFixed(1).padStart(4, "0");
    return Math.floor(tenths / 600) + ":" + rest;
  };

  // Where the player stands, in the unit that its frames are counted in.
  const place = (frame, end_s) => {
    if (data.counted) {
      return data.counted + " " + (frame + 1) + " / " + (player.last() + 1);
    }
    const long = end_s >= 100;
    return clock(player.time_s(), long) + " / " + clock(end_s, long) +
      (long ? " min" : " s");
  };

  const tell = ({ clip, chosen, frame, error, spread, end_s }) => {
    const scrub = byId("scrub");
    scrub.max = String(player.last());
    scrub.value = String(frame);
    const now = place(frame, end_s);
    set("clock", now);
    scrub.setAttribute("aria-valuetext", now.replace("/", "of"));
    byId("clip").value = String(chosen);
    let text = clip.label;
    if (data.frames > 1) {
      text += ", window " + (clip.first + Math.floor(frame / data.frames));
    }
    const said = text ? [text] : [];
    for (const [name, values] of [["joint distance", error],
                                  ["spread", spread]]) {
      if (!values) continue;
      said.push("Mean " + name + " in this frame " +
                mean(values).toFixed(2) + " " + data.lengths);
    }
    set("readout", said.length ? said.join(". ") + "." : "");
  };

  const setColour = (value) => {
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
    player.setColour(value);
  };

  // The list of clips in the order that the player goes through them.
  const sortBy = (value) => {
    const order = clips.map((_, i) => i);
    if (value === "error") {
      order.sort((a, b) => clips[b].error - clips[a].error || a - b);
    }
    player.setOrder(order);
    const list = byId("clip");
    list.textContent = "";
    for (const i of order) list.add(new Option(clips[i].label, String(i)));
    list.value = String(player.clip());
  };

  const step = (count) => {
    player.pause();
    player.seek(Math.round(player.position()) + count);
  };
  const changeSpeed = (by) => {
    const list = byId("speed");
    const index = list.selectedIndex + by;
    list.selectedIndex = Math.max(0, Math.min(list.length - 1, index));
    player.setSpeed(+list.value);
  };
  const setFace = (name) => {
    byId("face").value = name;
    if (name !== "free") scene.face(name);
  };
  const turn = (yaw, pitch) => {
    setFace("free");
    scene.turn(yaw, pitch);
  };
  const reset = () => {
    setFace("free");
    byId("follow").checked = false;
    scene.reset();
    scene.follow(false);
  };
  // What a box says when a key has turned it over.
  const flip = (id, act) => {
    byId(id).checked = !byId(id).checked;
    act(byId(id).checked);
  };
  const setPlaying = (playing) => set("play", playing ? "Pause" : "Play");
  const toggle = () => player.playing() ? player.pause() : player.play();

  // What this data does not have is not offered.
  const colours = ["figure", ...(has.truth ? ["error"] : []),
                   ...(has.spread ? ["spread"] : [])];
  for (const option of [...byId("colour").options]) {
    if (!colours.includes(option.value)) option.remove();
  }
  const { several } = has;
  const hide = (condition, ...ids) => {
    for (const id of ids) byId(id).hidden = condition;
  };
  hide(colours.length < 2, "colour-label", "help-colour");
  hide(!several, "overlay-label", "help-overlay");
  hide(!sound, "sound-label", "help-sound");
  hide(clips.length < 2, "clips", "help-clips");
  hide(clips.some((clip) => clip.error === undefined), "order-label");
  sortBy("time");

  on("clip", "change", (e) => player.show(+e.target.value, 0));
  on("order", "change", (e) => sortBy(e.target.value));
  on("earlier", "click", () => player.turnTo(-1));
  on("later", "click", () => player.turnTo(1));
  on("repeat", "change", (e) => player.setRepeat(e.target.checked));
  on("scrub", "input", (e) => {
    player.pause();
    player.seek(+e.target.value);
  });
  on("play", "click", toggle);
  on("speed", "change", (e) => player.setSpeed(+e.target.value));
  on("sound", "change", (e) => sound.setOn(e.target.checked));
  on("colour", "change", (e) => setColour(e.target.value));
  on("overlay", "change", (e) => player.setOverlay(e.target.checked));
  on("trail", "change", (e) => player.setTrail(e.target.checked));
  on("follow", "change", (e) => scene.follow(e.target.checked));
  on("face", "change", (e) => setFace(e.target.value));
  on("view", "pointermove", (e) => { if (e.buttons) setFace("free"); });
  on("reset", "click", reset);

  const second = Math.max(1, Math.round(data.rate_hz));
  const keys = {
    " ": toggle,
    ArrowLeft: (e) => step(e.shiftKey ? -second : -1),
    ArrowRight: (e) => step(e.shiftKey ? second : 1),
    Home: () => player.seek(0),
    End: () => {
      player.seek(player.last());
      if (!data.live) player.pause();
    },
    "+": () => changeSpeed(1),
    "=": () => changeSpeed(1),
    "-": () => changeSpeed(-1),
    1: () => setFace("front"),
    2: () => setFace("side"),
    3: () => setFace("top"),
    n: () => player.turnTo(1),
    p: () => player.turnTo(-1),
    f: () => flip("follow", scene.follow),
    t: () => flip("trail", player.setTrail),
    o: () => { if (several) flip("overlay", player.setOverlay); },
    m: () => { if (sound) flip("sound", sound.setOn); },
    c: () => setColour(
      colours[(colours.indexOf(player.colour()) + 1) % colours.length]),
    r: reset,
    w: () => turn(0, 0.12),
    a: () => turn(-0.15, 0),
    s: () => turn(0, -0.12),
    d: () => turn(0.15, 0),
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

  return { tell, setPlaying, setColour,
           wait: () => set("readout", "Waiting for the first frame.") };
};
