// The skeleton player: one for reports, predictions and streams.
//
//   const player = makePlayer(root, data);
//
// root: element that holds player.html; hidden when there is nothing to play.
// data: what packed_poses.py packs, or for frames that are yet to come
//   { live: { frames, target, spread, height, reach }, bones, head, joints,
//   lengths, rate_hz, simulated }: room for so many frames, the oldest making
//   way, whether frames come with ground truth and with spread, and how tall
//   and wide a person is at first. `lengths` names the unit of the poses.
//   `other` is a third figure, such as what the poses were made from; `names`
//   what "pred", "target" and "other" are called in the picture; `girth` see
//   scene.js; `counted` what frames are counted as where they are no time.
//   A clip's `sound` is the address of what is heard from its first frame on. A
//   page with sound waits for a press on play.
//
//   player.push({ pose, target, spread, time_s })   live only: one frame, as
//     arrays of 3, 3 and 1 numbers a joint; `time_s` of the recording. Throws
//     RangeError when a number is missing or not finite. A playing picture
//     follows the newest frame; after a pause or a step back it plays on from
//     there until it has caught up, or until End is pressed.
//   player.seek(frame)    of the clip, may be fractional; keeps playing if so
//   player.show(clip, frame)   by the clip's number, 0 the first
//   player.turnTo(by)     the clip `by` places on in the order of `sortBy`
//   player.play(), player.pause(), player.playing()
//   player.position(), player.frames(), player.time_s()   where it stands
//   player.clip(), player.base()   number of the clip, its first stored frame
//   player.listen(told)   calls `told` after every drawing, and at once
//   player.focus()        gives the keys to the player
const makePlayer = (root, data) => {
  const byId = (id) => root.querySelector("#" + id);
  if (!data.live && !data.clips.length) {
    root.hidden = true;
    return null;
  }
  const store = makeStore(data);
  const joints = data.joints.length;
  const blank = (name, size) =>
    store.has(name) ? new Float32Array(size * joints) : null;
  const pose = blank("pred", 3), truth = blank("target", 3);
  const other = blank("other", 3), spread = blank("spread", 1);
  const names = { pred: "Prediction", target: "Ground truth", other: "Other",
                  ...data.names };
  const clips = data.clips || [{ label: "", start: 0, windows: 0 }];
  const sound = clips.some((c) => c.sound) ? makeSound() : null;
  const listeners = [];

  let chosen = 0;
  let order = clips.map((_, i) => i);
  let clip = clips[0];
  let position = 0;
  let speed = 1;
  let repeat = false;
  let trail = false;
  let overlay = false;
  let colour = spread && !truth ? "spread" : "figure";
  let following = Boolean(data.live);
  let newest_s = 0;
  let playing =
    !sound && !matchMedia("(prefers-reduced-motion: reduce)").matches;
  let previous = null;

  const base = () => clip.start * (data.frames || 1);
  const frames = () =>
    data.live ? store.held() : clip.windows * (data.frames || 1);
  const last = () => Math.max(0, frames() - 1);
  const first_s = () => data.live ?
    newest_s - last() / data.rate_hz : clip.first_s || 0;
  const time_s = () => first_s() + Math.min(position, last()) / data.rate_hz;

  // Poses of the last second, oldest first.
  const before = (name) => {
    if (!trail) return null;
    const most = Math.min(Math.floor(position), Math.ceil(data.rate_hz));
    return [...Array(most).keys()].map((k) => store.at(
      name, base(), frames(), Math.floor(position) - most + k,
      new Float32Array(3 * joints)));
  };

  const draw = () => {
    const count = frames();
    const note = data.simulated ? "SIMULATED" : "";
    if (!count) {
      scene.draw([[]], note);
      controls.wait();
      return;
    }
    const read = (name, out) => store.at(name, base(), count, position, out);
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
      halo: colour === "spread" ? spread : null, trail: before("pred"),
    };
    const panels = [[body]];
    const place = (name, key, pose, colour) => {
      const beside = { name, pose, colour, alpha: overlay ? 0.75 : 1,
                       tint: null, halo: null, trail: before(key) };
      if (overlay) panels[0].unshift(beside);
      else panels.unshift([beside]);
    };
    if (truth) place(names.target, "target", truth, "truth");
    if (other) place(names.other, "other", other, "third");
    scene.draw(panels, note);
    controls.tell({ clip, chosen, error, spread,
                    frame: Math.min(Math.floor(position), last()),
                    end_s: first_s() + frames() / data.rate_hz });
    for (const told of listeners) told(player);
  };

  const show = (number, frame) => {
    chosen = number;
    clip = clips[number];
    position = Math.max(0, Math.min(last(), frame));
    if (sound) sound.load(clip.sound || "");
    hear();
    draw();
  };
  const turnTo = (by) => {
    const place = order.indexOf(chosen) + by + order.length;
    show(order[place % order.length], 0);
  };

  const setPlaying = (value) => {
    const begins = value && !playing;
    playing = value;
    controls.setPlaying(playing);
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
        turnTo(repeat ? 0 : 1);
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
  const push = (frame) => {
    const full = store.held() === store.capacity;
    store.push(frame);
    newest_s = frame.time_s === undefined ?
      (store.pushed() - 1) / data.rate_hz : frame.time_s;
    // The same frame stays in view while older ones make way.
    if (full) position = Math.max(0, position - 1);
    if (!playing) draw();
  };

  const player = {
    seek, push, show, turnTo, frames, time_s, base, last, data, store, sound,
    names, clips, has: { truth: Boolean(truth), spread: Boolean(spread),
                         several: Boolean(truth || other) },
    play: () => setPlaying(true), pause: () => setPlaying(false),
    playing: () => playing, position: () => position, clip: () => chosen,
    redraw: () => draw(), order: () => order,
    setOrder: (value) => { order = value; },
    setRepeat: (value) => { repeat = value; },
    setSpeed: (value) => { speed = value; hear(); },
    setTrail: (value) => { trail = value; draw(); },
    setOverlay: (value) => { overlay = value; draw(); },
    setColour: (value) => { colour = value; draw(); },
    colour: () => colour,
    listen: (told) => { listeners.push(told); if (frames()) told(player); },
    focus: () => byId("view").focus({ preventScroll: true }),
  };
  const scene = makeScene(byId("view"), data, store.size, draw);
  const controls = makeControls(root, player, scene);

  controls.setPlaying(playing);
  show(0, 0);
  controls.setColour(colour);
  makeSaving(root, player);
  if (!data.live) makeLinks(root, player);
  if (playing) start();
  return player;
};
