// Let the reader of a report choose its colours: light, dark or as the system is. `recolourAll` is of paper.js.
"use strict";

for (const choice of document.querySelectorAll(".choice")) {
  choice.hidden = false;
  choice.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    scheme = button.dataset.scheme;
    for (const each of choice.children) each.setAttribute("aria-pressed", String(each === button));
    recolourAll(scheme);
  });
}
