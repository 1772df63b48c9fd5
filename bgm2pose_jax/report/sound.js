// Sound that plays along with the frames of a player.
//
//   const sound = makeSound();
//   sound.load(uri)   what is heard from a clip's first frame on; "" is nothing
//   sound.play(time_s, speed); sound.pause(); sound.setOn(true)
//   sound.time_s()   where it is, or null while it does not sound
const makeSound = () => {
  const audio = new Audio();
  audio.preload = "auto";
  let on = true;
  let loaded = "";
  let wanted = false;  // a play() that is still starting must not outlive it

  const load = (uri) => {
    if (uri === loaded) return;
    loaded = uri;
    if (uri) audio.src = uri;
    else audio.removeAttribute("src");
  };
  const pause = () => {
    wanted = false;
    audio.pause();
  };
  const play = (time_s, speed) => {
    if (!loaded) return;
    wanted = true;
    audio.playbackRate = speed;
    audio.muted = !on;
    // Beyond the end there is nothing to hear; the frames go on without.
    if (Number.isFinite(audio.duration) && time_s >= audio.duration) {
      audio.pause();
      return;
    }
    audio.currentTime = time_s;
    // A browser may refuse to sound before the reader has touched the page.
    audio.play().then(() => { if (!wanted) audio.pause(); }, () => {});
  };
  const time_s = () =>
    !loaded || audio.paused || audio.ended || audio.readyState < 3 ||
    audio.seeking ? null : audio.currentTime;
  const setOn = (value) => {
    on = value;
    audio.muted = !on;
  };
  return { load, play, pause, time_s, setOn, isOn: () => on };
};
