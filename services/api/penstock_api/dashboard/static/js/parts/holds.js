// Parts of the account that are halted or reduced while the rest trades on.

import { h, replace } from "../dom.js";
import { ask } from "./dialogs.js";

// A hold is told as `halted: strategy a, venue b`.
const parsed = (hold) => {
  const [state, part = ""] = hold.split(": ");
  return { state, part, filters: Object.fromEntries(part.split(", ").map((each) => each.split(" "))) };
};

export function held(list, holds, { may = false } = {}) {
  const key = holds.join("\n");
  if (list.dataset.holds === key) return;
  list.dataset.holds = key;
  list.hidden = !holds.length;
  replace(list, holds.map((each) => {
    const { state, part, filters } = parsed(each);
    const lift = may ? h("button.plain", { type: "button", "aria-label": `Resume ${part}`, onclick: () => release(part, filters) }, "Resume…") : null;
    return h("li", {}, h("span.badge", { class: state === "halted" ? "bad" : "fair" }, state), h("span", {}), h("span.text", {}, part, " ", lift));
  }));
}

const release = (part, filters) => ask({
  title: `Resume ${part}`, action: "Resume", path: "/resume", body: filters, reason: "required",
  says: "This part trades again, within the limits. What else is held stays so.",
});

export const hold = (strategy) => ask({
  title: `Halt ${strategy} alone`, action: "Halt it", danger: true, path: "/halt", body: { strategy },
  says: `No new orders of ${strategy}; what it has working is cancelled; its positions stay. The rest trades on.`,
});
