// Parts of the account that are halted or reduced while the rest trades on.

import { h, replace } from "../dom.js";

// A hold is told as `halted: strategy a`.
export function held(list, holds) {
  const key = holds.join("\n");
  if (list.dataset.holds === key) return;
  list.dataset.holds = key;
  list.hidden = !holds.length;
  replace(list, holds.map((each) => {
    const [state, ...part] = each.split(": ");
    return h("li", {}, h("span.badge", { class: state === "halted" ? "bad" : "fair" }, state), h("span", {}), h("span.text", {}, part.join(": ")));
  }));
}
