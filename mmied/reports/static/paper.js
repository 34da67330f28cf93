// Print a page light and as wide as a sheet, whatever the reader's scheme; what is folded stays out.
"use strict";

// The sheets ask for the reader's scheme, and their question is answered otherwise.

const ANSWERS = { light: "not all", dark: "screen" };
const asked = new WeakMap();
let scheme = "";

function recolour(doc, wanted) {
  for (const sheet of doc.styleSheets) {
    for (const rule of sheet.cssRules) {
      if (!asked.has(rule) && !(rule.media && rule.media.mediaText.includes("prefers-color-scheme"))) continue;
      if (!asked.has(rule)) asked.set(rule, rule.media.mediaText);
      rule.media.mediaText = ANSWERS[wanted] || asked.get(rule);
    }
  }
  doc.documentElement.style.colorScheme = wanted;
}

function recolourAll(wanted) {
  recolour(document, wanted);
  for (const frame of document.querySelectorAll("iframe.flame")) {
    recolour(frame.contentDocument, wanted);
    if (frame.contentWindow.measure) frame.contentWindow.measure();  // draws at once: a printer does not wait
  }
  document.dispatchEvent(new Event("mmied:recoloured"));
}

for (const frame of document.querySelectorAll("iframe.flame")) {
  frame.addEventListener("load", () => recolour(frame.contentDocument, scheme));  // it may come after the choice
}

// charts.js listens after this and draws what it finds then.

addEventListener("beforeprint", () => {
  document.documentElement.classList.add("paper");
  recolourAll("light");
});
addEventListener("afterprint", () => {
  document.documentElement.classList.remove("paper");
  recolourAll(scheme);
});
