// Addresses of moments: "#clip=2&t=14.30" is 14.3 s of the recording in the
// second clip; without `clip` it is the first clip that holds the time.
//
//   makeLinks(root, player);
const makeLinks = (root, player) => {
  const { clips, data } = player;
  const link = root.querySelector("#link");

  const length_s = (clip) => clip.windows * data.frames / data.rate_hz;
  const go = (address) => {
    const wanted = new URLSearchParams(address.slice(1));
    const time_s = Number(wanted.get("t"));
    if (!wanted.has("t") || !Number.isFinite(time_s)) return;
    let number = Number(wanted.get("clip")) - 1;
    if (!wanted.has("clip")) {
      number = clips.findIndex((clip) => time_s >= (clip.first_s || 0) &&
        time_s < (clip.first_s || 0) + length_s(clip));
    }
    if (!clips[number]) return;
    player.pause();
    // A tenth of a millisecond: 14.30 is not the frame before.
    const seconds = time_s - (clips[number].first_s || 0) + 1e-4;
    player.show(number, Math.floor(seconds * data.rate_hz));
    root.scrollIntoView({ block: "nearest" });
    player.focus();
  };

  player.listen(() => {
    const frame = Math.floor(player.position());
    const time_s = (clips[player.clip()].first_s || 0) + frame / data.rate_hz;
    const address =
      "#clip=" + (player.clip() + 1) + "&t=" + time_s.toFixed(3);
    if (link.getAttribute("href") !== address) link.href = address;
  });
  document.addEventListener("click", (e) => {
    const pressed = e.target.closest("a[href^='#clip=']");
    // The same address twice changes nothing that a page is told of.
    if (pressed) go(pressed.getAttribute("href"));
  });
  window.addEventListener("hashchange", () => go(location.hash));
  go(location.hash);
};
