// Steps through the drawings of a page: one `.sample` is shown at a time.
// Without scripts all of them stand below each other.
{
  const samples = [...document.querySelectorAll(".sample")];
  const slider = document.getElementById("step");
  const show = (wanted) => {
    const number = Math.max(0, Math.min(samples.length - 1, wanted));
    samples.forEach((sample, i) => { sample.hidden = i !== number; });
    slider.value = String(number);
    slider.setAttribute("aria-valuetext", samples[number].dataset.name);
  };
  const by = (count) => () => show(+slider.value + count);
  document.getElementById("stepper").hidden = samples.length < 2;
  slider.max = String(samples.length - 1);
  slider.addEventListener("input", () => show(+slider.value));
  document.getElementById("before").addEventListener("click", by(-1));
  document.getElementById("after").addEventListener("click", by(1));
  show(0);
}
