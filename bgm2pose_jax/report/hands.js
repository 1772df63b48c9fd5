// Mouse, pen and fingers on a canvas: one turns, two apart or a wheel zoom.
//
//   useHands(canvas, turn, zoom);   turn(yaw, pitch) in radians, zoom(factor)
const useHands = (canvas, turn, zoom) => {
  const held = new Map();
  const apart = () => {
    const [a, b] = [...held.values()];
    return Math.max(1, Math.hypot(a[0] - b[0], a[1] - b[1]));
  };
  canvas.addEventListener("pointerdown", (e) => {
    held.set(e.pointerId, [e.clientX, e.clientY]);
    canvas.setPointerCapture(e.pointerId);
  });
  canvas.addEventListener("pointermove", (e) => {
    const before = held.get(e.pointerId);
    if (!before) return;
    const was = held.size === 2 ? apart() : 0;
    held.set(e.pointerId, [e.clientX, e.clientY]);
    if (was) {
      zoom(apart() / was);
    } else if (held.size === 1) {
      turn((e.clientX - before[0]) * 0.01, (e.clientY - before[1]) * 0.008);
    }
  });
  for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) {
    canvas.addEventListener(end, (e) => { held.delete(e.pointerId); });
  }
  canvas.addEventListener("touchmove", (e) => {
    // Two fingers are for zooming, never for scrolling.
    if (e.touches.length > 1) e.preventDefault();
  }, { passive: false });
  canvas.addEventListener("wheel", (e) => {
    e.preventDefault();
    zoom(Math.exp(-e.deltaY * 0.001));
  }, { passive: false });
};
