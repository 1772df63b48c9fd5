// The live page: frames come one message each, as lines of the stream.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const player = makePlayer(document.getElementById("player"), data);
  const say = (id, text) => { document.getElementById(id).textContent = text; };
  let missed = 0, last = null, told_ms = 0;

  const warned = new Set();
  const warn = (text) => {
    if (warned.has(text)) return;
    warned.add(text);
    const line = document.createElement("p");
    line.className = "banner";
    line.textContent = text;
    document.getElementById("warnings").append(line);
  };

  // Countdown, level of each channel and the last match, once a second.
  const listen = (state) => {
    const levels = Object.entries(state.level_db).map(([name, level]) => {
      const how = state.channels[name];
      return name + " " + Math.round(level) + " dB" +
        (how === "heard" ? "" : " (" + how + ")");
    });
    say("state", (state.left_s ?
      "Listening, " + Math.round(state.left_s) + " s to go: " :
      "Looking for the music: ") + levels.join(", ") +
      (state.match ? "; last match: " + state.match : "") + ".");
  };

  const begin = (header) => {
    missed = 0;
    last = null;
    for (const text of header.facts.warnings || []) warn(text);
    say("facts", Object.entries(header.facts).map(([name, value]) =>
      name + " " + (typeof value === "object" ? JSON.stringify(value) : value))
      .join(" · "));
  };

  const show = (frame) => {
    if (last !== null) missed += Math.max(0, frame.frame - last - 1);
    last = frame.frame;
    if (frame.dropped) missed += 1;
    else player.push({ pose: frame.pose.flat(), time_s: frame.time_s });
    // Words that change twenty times a second cannot be read.
    const now_ms = performance.now();
    if (now_ms - told_ms < 500) return;
    told_ms = now_ms;
    const late = frame.dropped ? "" :
      ", " + Math.round(frame.latency_ms) + " ms after the sound";
    say("state", "At " + frame.time_s.toFixed(1) + " s" + late +
        (missed ? "; " + missed + " frames missed" : "") + ".");
  };

  const connect = () => {
    const socket = new WebSocket("ws://" + location.host + "/frames");
    socket.addEventListener("open", () => say("state", "Connected."));
    socket.addEventListener("message", (event) => {
      const line = JSON.parse(event.data);
      if (line.listening) listen(line.listening);
      else if (line.warning) warn(line.warning);
      else if (line.facts) begin(line);
      else show(line);
    });
    socket.addEventListener("close", () => {
      say("state", "Waiting for the stream.");
      setTimeout(connect, 1000);
    });
  };
  connect();
})();
