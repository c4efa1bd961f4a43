// Figures in a row.

import { classes, h, text } from "../dom.js";

export class Tiles {
  constructor(names) {
    this.tiles = new Map();
    this.element = h("div.tiles", {}, names.map((name) => {
      const tile = { value: h("div.value", {}, "–"), sub: h("div.sub", {}, "\u00a0") };
      this.tiles.set(name, tile);
      return h("div.tile", {}, h("div.label", {}, name), tile.value, tile.sub);
    }));
  }

  set(name, value, sub = "", tone = "") {
    const tile = this.tiles.get(name);
    text(tile.value, value);
    classes(tile.value, `value ${tone}`.trim());
    text(tile.sub, sub || "\u00a0");
  }
}
