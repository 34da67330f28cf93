// List the sections of a page, made of their headings.
"use strict";

const sections = document.getElementById("sections");
for (const heading of sections ? document.querySelectorAll("main section > h2") : []) {
  const section = heading.parentElement;
  section.id = heading.textContent.trim().toLowerCase().replace(/[^a-z0-9]+/g, "-");
  const link = document.createElement("a");
  link.href = `#${section.id}`;
  link.textContent = heading.textContent;
  sections.append(link);
}
