// A table whose rows are patched in place, so that focus, selection and scroll survive the next drawing.

import { attribute, classes, h, text } from "../dom.js";

// columns: { title, value(row), number?, tone?(row), badge?(row), cell?(td, row), wide? }
export class Table {
  constructor(caption, columns, { empty = "Nothing yet.", open = null, key, tall = false }) {
    this.columns = columns;
    this.key = key;
    this.open = open;
    this.rows = new Map();
    this.body = h("tbody");
    this.empty = h("p.empty", {}, empty);
    this.table = h("table", {},
      h("caption", {}, caption),
      h("thead", {}, h("tr", {}, columns.map((each) => h("th", { scope: "col", class: this.#class(each) }, each.title)))),
      this.body);
    this.element = h("div", {}, h("div", { class: `scroll${tall ? " tall" : ""}`, tabIndex: 0, role: "group", "aria-label": caption }, this.table), this.empty);
  }

  update(items) {
    this.empty.hidden = items.length > 0;
    this.table.hidden = items.length === 0;
    this.element.firstChild.tabIndex = items.length ? 0 : -1;
    const wanted = new Set();
    let before = null;
    for (const item of items) {
      const key = this.key(item);
      if (wanted.has(key)) continue;
      wanted.add(key);
      let row = this.rows.get(key);
      if (!row) {
        row = this.#row();
        row.element.dataset.key = key;
        this.rows.set(key, row);
      }
      // Most rows are as they were: the store makes a new object of what changes.
      if (row.item !== item) this.#fill(row, item);
      row.item = item;
      const place = before ? before.nextSibling : this.body.firstChild;
      if (place !== row.element) this.body.insertBefore(row.element, place);
      before = row.element;
    }
    for (const [key, row] of this.rows) {
      if (!wanted.has(key)) {
        row.element.remove();
        this.rows.delete(key);
      }
    }
  }

  #class(column) {
    return `${column.number ? "number" : ""}${column.wide ? " wide" : ""}${column.wrap ? " wrap" : ""}`.trim();
  }

  #row() {
    const row = { item: null, cells: this.columns.map((column) => h("td", { class: this.#class(column) })) };
    row.element = h("tr", {}, row.cells);
    if (this.open) {
      row.element.classList.add("link");
      row.element.addEventListener("click", (event) => {
        if (!event.target.closest("button, a, input, select") && !String(getSelection())) this.open(row.item);
      });
    }
    return row;
  }

  #fill(row, item) {
    this.columns.forEach((column, index) => {
      const cell = row.cells[index];
      if (column.cell) return column.cell(cell, item);
      const value = column.value(item);
      if (column.badge) {
        let badge = cell.firstChild;
        if (!badge) cell.append((badge = h("span.badge")));
        classes(badge, `badge ${column.badge(item)}`.trim());
        text(badge, value);
      } else if (index === 0 && this.open) {
        let button = cell.firstChild;
        if (!button) cell.append((button = h("button.plain", { type: "button", onclick: () => this.open(row.item) })));
        text(button, value);
      } else {
        text(cell, value);
        if (column.tone) classes(cell, `${this.#class(column)} ${column.tone(item)}`.trim());
      }
      if (column.title === "") attribute(cell, "aria-label", null);
    });
  }
}
