// Make a flame graph, which is a page of its own in a frame, as high as it needs.
"use strict";

for (const frame of document.querySelectorAll("iframe.flame")) {
  const fit = () => { frame.style.height = `${frame.contentDocument.body.scrollHeight + 4}px`; };
  const ready = () => new ResizeObserver(fit).observe(frame.contentDocument.body);
  if (frame.contentDocument && frame.contentDocument.getElementById("canvas")) ready();
  frame.addEventListener("load", ready);
}
