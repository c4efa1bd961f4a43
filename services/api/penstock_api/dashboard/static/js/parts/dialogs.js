// Dialogs: halt and resume, confirmation, sign-in, an order's story. The browser traps focus and closes on Escape.

import { h, replace } from "../dom.js";
import { Problem, once } from "../rest.js";

export function dialog(title, body, { wide = false } = {}) {
  const close = h("button.plain", { type: "button", "aria-label": "Close" }, "Close");
  const heading = h("h2", { id: `dialog-${Math.random().toString(36).slice(2)}` }, title);
  const element = h(wide ? "dialog.wide-dialog" : "dialog", { "aria-labelledby": heading.id }, h("header", {}, heading, close), h("div.body", {}, body));
  close.onclick = () => element.close();
  element.onclose = () => element.remove();
  element.addEventListener("click", (event) => { if (event.target === element) element.close(); });
  document.body.append(element);
  element.showModal();
  return element;
}

// One command, confirmed: says what it will do, then what came of it.
export function ask({ title, says, path, body = {}, action, danger = false, reason = "optional", extra = null, method = "POST", done = null }) {
  const outcome = h("div", { role: "status", "aria-live": "polite" });
  const why = h("input", { type: "text", maxLength: 300, autocomplete: "off", required: reason === "required" });
  const go = h(danger ? "button.danger" : "button.primary", { type: "submit" }, action);
  const cancel = h("button", { type: "button" }, "Cancel");
  const form = h("form", {}, h("div.stack", {},
    h("p", {}, says),
    extra?.element,
    reason === "none" ? null : h("label", {}, reason === "required" ? "Reason (required, kept in the audit)" : "Reason (kept in the audit)", why),
    outcome,
    h("div.actions", {}, cancel, go)));
  const shown = dialog(title, form);
  const send = once();
  cancel.onclick = () => shown.close();
  form.onsubmit = async (event) => {
    event.preventDefault();
    if (reason === "required" && !why.value.trim()) return why.focus();
    go.disabled = true;
    replace(outcome, h("div.outcome", {}, "Sent; waiting for the answer…"));
    try {
      const given = reason === "none" ? {} : { reason: why.value.trim() };
      // What is deleted has no body: the reason goes with the address.
      const found = method === "DELETE" ? await send(`${path}?${new URLSearchParams(given)}`, {}, method) : await send(path, { ...body, ...given, ...extra?.values() }, method);
      const pending = found?.outcome === "pending";
      replace(outcome, h("div", { class: `outcome ${pending ? "" : "good"}` }, pending
        ? "In the log, but nothing was heard of it yet: watch the state above."
        : `Done${found?.state ? `: trading is ${found.state}` : ""}.`));
      cancel.textContent = "Close";
      cancel.focus();
      go.hidden = true;
      done?.(found);
    } catch (problem) {
      go.disabled = false;
      replace(outcome, h("div.outcome.bad", {}, problem instanceof Problem ? problem.message : String(problem)));
    }
  };
  (reason === "none" ? go : why).focus();
  return shown;
}

export const halt = () => ask({
  title: "Halt trading", action: "Halt now", danger: true, path: "/halt",
  says: "No new orders; working orders are cancelled; positions stay open until you close them or resume.",
});

export const resume = () => ask({
  title: "Resume trading", action: "Resume", path: "/resume", reason: "required",
  says: "Strategies may open positions again, within the limits.",
});

export function flatten() {
  const box = h("input", { type: "checkbox" });
  return ask({
    title: "Flatten: close all positions", action: "Cancel orders and close all", danger: true, path: "/flatten",
    says: "Cancels what works and closes every position at market. Trading then only reduces, until you resume.",
    extra: { element: h("label.row", {}, h("span", {}, box, " also while halted")), values: () => ({ override: box.checked }) },
  });
}

export function help(rows, toggle) {
  dialog("Keyboard", [
    h("table", {}, h("caption", {}, "Keyboard shortcuts"), h("tbody", {}, rows.map(([key, what]) => h("tr", {}, h("td", {}, h("span.key", {}, key)), h("td.wrap", {}, what))))),
    toggle,
  ]);
}
