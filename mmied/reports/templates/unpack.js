// Unpack plotly's script, which the page carries, in the browser.
"use strict";

window.unpacking = (async () => {
  if (!window.DecompressionStream) throw new Error("Charts need a browser of 2023 or later: this one cannot unpack them.");
  const packed = document.getElementById("plotly").textContent;
  const bytes = Uint8Array.from(atob(packed), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  const script = document.createElement("script");
  script.textContent = await new Response(stream).text();
  document.head.append(script);
})();
