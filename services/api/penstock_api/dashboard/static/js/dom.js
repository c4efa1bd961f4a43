// Elements without markup in strings: whatever comes from the log becomes text, never HTML.

export function h(tag, props = {}, ...children) {
  const [name, ...classes] = tag.split(".");
  const element = document.createElement(name || "div");
  if (classes.length) element.className = classes.join(" ");
  for (const [key, value] of Object.entries(props ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (key === "class") element.className = `${element.className} ${value}`.trim();
    else if (key in element && key !== "list" && !key.startsWith("aria")) element[key] = value;
    else element.setAttribute(key, value === true ? "" : value);
  }
  append(element, children);
  return element;
}

export function append(element, children) {
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    element.append(child instanceof Node ? child : document.createTextNode(String(child)));
  }
}

export function replace(element, ...children) {
  element.textContent = "";
  append(element, children);
  return element;
}

// Writes only what changed: a page is drawn several times a second, and selections should live.
export function text(element, value) {
  const wanted = value === null || value === undefined ? "–" : String(value);
  if (element.textContent !== wanted) element.textContent = wanted;
}

export function classes(element, value) {
  if (element.className !== value) element.className = value;
}

export function attribute(element, name, value) {
  if (value === null || value === undefined) element.removeAttribute(name);
  else if (element.getAttribute(name) !== String(value)) element.setAttribute(name, value);
}

export const card = (title, tools, ...body) =>
  h("section.card", { "aria-label": title }, h("header", {}, h("h2", {}, title), tools), ...body);
