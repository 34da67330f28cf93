// Let tables be sorted, folded and searched. A tree's rows stay below what they are parts of, whatever they are sorted by.
"use strict";

class Rows {
  constructor(table) {
    this.body = table.tBodies[0];
    this.rows = [...this.body.rows];
    this.tree = table.classList.contains("tree");
    this.parts = new Map();  // number of a row, "" above the first → rows
    for (const row of this.rows) {
      const above = this.tree ? row.dataset.parent : "";
      if (!this.parts.has(above)) this.parts.set(above, []);
      this.parts.get(above).push(row);
    }
    this.wanted = "";
    this.kind = "";
    this.said = (table.closest("section") || document).querySelector(".found");
    this.found = this.rows.map((row) => row.textContent.toLowerCase() + " " + (row.cells[0].dataset.value || "").toLowerCase());
  }

  sort(column, kind, descending) {
    const value = (row) => {
      const cell = row.cells[column];
      const text = "value" in cell.dataset ? cell.dataset.value : cell.textContent;
      return kind === "number" ? (text === "" ? -Infinity : Number(text)) : text;
    };
    const order = (a, b) => (kind === "number" ? value(a) - value(b) || 0 : value(a).localeCompare(value(b))) * (descending ? -1 : 1);
    for (const rows of this.parts.values()) rows.sort(order);
    this.place();
  }

  unsort() {
    for (const rows of this.parts.values()) rows.sort((a, b) => this.rows.indexOf(a) - this.rows.indexOf(b));
    this.place();
  }

  place() {
    const placed = [], waiting = [...(this.parts.get("") || [])].reverse();
    while (waiting.length) {
      const row = waiting.pop();
      placed.push(row);
      if (this.tree) waiting.push(...[...(this.parts.get(row.dataset.row) || [])].reverse());
    }
    this.body.append(...placed);
  }

  open(row) {
    const button = row.querySelector("button.twig");
    return !button || button.getAttribute("aria-expanded") === "true";
  }

  turn(row, open) {
    const button = row.querySelector("button.twig");
    if (button) button.setAttribute("aria-expanded", String(open));
  }

  turnAll(open) {
    for (const row of this.rows) this.turn(row, open || row.dataset.parent === "");
    this.show();
  }

  show() {
    const searching = this.wanted || this.kind;
    const matching = new Set(this.rows.filter((row, index) => this.found[index].includes(this.wanted) && (!this.kind || row.dataset.kind === this.kind)));
    if (!this.tree) {
      for (const row of this.rows) row.hidden = !matching.has(row);
    } else {
      const byNumber = new Map(this.rows.map((row) => [row.dataset.row, row]));
      const shown = new Set(matching);
      if (searching) {
        for (const row of matching) {
          for (let above = byNumber.get(row.dataset.parent); above; above = byNumber.get(above.dataset.parent)) shown.add(above);
        }
      }
      for (const row of this.rows) {  // as they came: a part after what it is a part of
        const above = byNumber.get(row.dataset.parent);
        row.hidden = searching ? !shown.has(row) : Boolean(above) && (above.hidden || !this.open(above));
      }
    }
    if (this.said) this.said.textContent = searching ? `${matching.size} of ${this.rows.length}` : "";
  }
}

for (const table of document.querySelectorAll("table:has(th[data-kind])")) {
  const rows = new Rows(table);
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    if (!head.dataset.kind) return;
    head.querySelector("button").addEventListener("click", () => {
      const first = head.dataset.kind === "number" ? "descending" : "ascending";
      const second = first === "descending" ? "ascending" : "descending";
      const now = { [first]: second, [second]: null }[head.getAttribute("aria-sort")];
      const next = now === undefined ? first : now;
      for (const each of heads) each.removeAttribute("aria-sort");
      if (next === null) { rows.unsort(); return; }
      head.setAttribute("aria-sort", next);
      rows.sort(column, head.dataset.kind, next === "descending");
    });
  });
  table.addEventListener("click", (event) => {
    const button = event.target.closest("button.twig");
    if (!button) return;
    const row = button.closest("tr");
    rows.turn(row, !rows.open(row));
    rows.show();
  });
  const field = document.querySelector(`.find[data-for="${table.id}"]`);
  if (!field) continue;
  field.addEventListener("input", () => { rows.wanted = field.value.trim().toLowerCase(); rows.show(); });
  const section = table.closest("section") || document;
  for (const button of section.querySelectorAll("button[data-all]")) {
    button.addEventListener("click", () => rows.turnAll(button.dataset.all === "open"));
  }
  const kinds = [...section.querySelectorAll("button.kind")];
  for (const button of kinds) {
    button.addEventListener("click", () => {
      rows.kind = rows.kind === button.dataset.kind ? "" : button.dataset.kind;
      for (const each of kinds) each.setAttribute("aria-pressed", String(each.dataset.kind === rows.kind));
      rows.show();
    });
  }
}
