// Keep a page up to date without a flicker: fetch it anew and change only what differs.
"use strict";

(() => {
  const main = document.querySelector("main");
  const live = document.getElementById("live");
  const intervalMilliseconds = 1000 * Number(main.dataset.refreshSeconds);
  if (!intervalMilliseconds) return;

  const UNANSWERED_MILLISECONDS = 10000;
  const OWN = new Set(["open", "tabindex"]);  // what the reader or a script has set stays
  let lastAnswer = Date.now();
  let timer = 0;

  function morph(now, fresh) {
    if (now.nodeType !== fresh.nodeType || now.nodeName !== fresh.nodeName) {
      now.replaceWith(document.importNode(fresh, true));
      return;
    }
    if (now.nodeType !== Node.ELEMENT_NODE) {
      if (now.nodeValue !== fresh.nodeValue) now.nodeValue = fresh.nodeValue;
      return;
    }
    if (now.hasAttribute("data-keep")) return;
    for (const { name, value } of [...fresh.attributes]) {
      if (now.getAttribute(name) !== value) now.setAttribute(name, value);
    }
    for (const { name } of [...now.attributes]) {
      if (!fresh.hasAttribute(name) && !OWN.has(name)) now.removeAttribute(name);
    }
    const olds = [...now.childNodes];
    const news = [...fresh.childNodes];
    news.forEach((child, index) => {
      if (index < olds.length) morph(olds[index], child);
      else now.append(document.importNode(child, true));
    });
    for (const child of olds.slice(news.length)) child.remove();
  }

  function say(word, state) {
    if (live.textContent !== word) live.textContent = word;
    live.className = `live ${state}`;
  }

  async function refresh() {
    clearTimeout(timer);
    if (document.hidden) {
      say("paused", "paused");
      return;
    }
    try {
      const response = await fetch(location.href, {
        cache: "no-store",
        headers: { Accept: "text/html" },
        signal: AbortSignal.timeout(UNANSWERED_MILLISECONDS),
      });
      const page = new DOMParser().parseFromString(await response.text(), "text/html");
      const fresh = page.querySelector("main");
      if (!fresh) throw new Error("not a page of mmied");
      morph(main, fresh);
      morph(document.querySelector("footer"), page.querySelector("footer"));
      document.dispatchEvent(new Event("mmied:refreshed"));
      lastAnswer = Date.now();
      say("live", "");
    } catch {
      say(`no answer for ${Math.round((Date.now() - lastAnswer) / 1000)} s`, "lost");
    }
    timer = setTimeout(refresh, intervalMilliseconds);
  }

  document.addEventListener("visibilitychange", refresh);
  say("live", "");
  timer = setTimeout(refresh, intervalMilliseconds);
})();
