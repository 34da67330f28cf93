// Draw the figures that the page carries, in the colours of the style sheet, once they come into view.
// A page that carries plotly itself sets `unpacking`: a promise to be waited for.
"use strict";

(() => {
  const VARIABLE = /^var\((--[\w-]+)\)$/;
  const CONFIG = { displayModeBar: false, responsive: true, showTips: false };
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const touch = matchMedia("(pointer: coarse)");
  const drawn = new Map();  // plot → the text that it was drawn from

  function themed(node, styles) {
    if (typeof node === "string") {
      const found = VARIABLE.exec(node);
      return found ? styles.getPropertyValue(found[1]).trim() : node;
    }
    if (Array.isArray(node)) return node.map((item) => themed(item, styles));
    if (node === null || typeof node !== "object") return node;
    return Object.fromEntries(Object.entries(node).map(([key, value]) => [key, themed(value, styles)]));
  }

  function source(plot) {
    return plot.parentElement.querySelector("script[type='application/json']").textContent;
  }

  function draw(plot) {
    const text = source(plot);
    const figure = themed(JSON.parse(text), getComputedStyle(document.documentElement));
    if (touch.matches) figure.layout.dragmode = false;  // a finger on a chart scrolls the page
    const first = !drawn.has(plot);
    drawn.set(plot, text);
    Plotly.react(plot, figure.data, figure.layout, CONFIG);
    if (first) plot.on("plotly_click", open);
  }

  function open(event) {
    const run = event.points.map((point) => point.customdata).find((id) => typeof id === "string");
    if (run) location.href = `/runs/${encodeURIComponent(run)}`;
  }

  function update() {
    for (const plot of drawn.keys()) {
      if (!plot.isConnected) drawn.delete(plot);
      else if (drawn.get(plot) !== source(plot)) seen.observe(plot);
    }
    watch();
  }

  function recolour() {
    for (const plot of drawn.keys()) seen.observe(plot);
  }

  const watched = new WeakSet();
  const seen = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      seen.unobserve(entry.target);
      draw(entry.target);
    }
  }, { rootMargin: "300px" });

  function watch() {
    for (const plot of document.querySelectorAll(".plot")) {
      if (watched.has(plot)) continue;
      watched.add(plot);
      seen.observe(plot);
    }
  }

  function begin() {
    if (!window.Plotly) {
      for (const plot of document.querySelectorAll(".plot")) {
        plot.textContent = "Charts need plotly.min.js, which the plotly package of this installation lacks.";
      }
      return;
    }
    watch();
    document.addEventListener("mmied:refreshed", update);
    document.addEventListener("mmied:recoloured", recolour);
    dark.addEventListener("change", recolour);
    addEventListener("beforeprint", () => {
      for (const plot of document.querySelectorAll(".plot")) if (!plot.closest("details:not([open])")) draw(plot);
    });
    addEventListener("afterprint", recolour);
  }

  function complain(error) {
    for (const plot of document.querySelectorAll(".plot")) plot.textContent = error.message;
  }

  if (window.unpacking) window.unpacking.then(begin, complain);
  else begin();
})();
