// How is an element made, so that data stays text?
//
// Everything on the page is made here, with text nodes: a label such as <script> is a label.

// Characters that hide, or that turn the text around them, would let one name pass for another.
const UNSEEN = /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

/** What stands for nothing; a phone leaves such cells out. */
export const NOTHING = "–";

/** A text of whomever, on one line and without tricks. */
export function plain(text) {
  return String(text).replace(UNSEEN, "\ufffd");
}

/**
 * Makes an element. Properties: `class`, `on` (listeners by event), `data` (data attributes); all
 * others are attributes, left out where they are `null` or `false`. Children: nodes, texts, lists.
 */
export function el(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "class") element.className = value;
    else if (name === "data") Object.assign(element.dataset, value);
    else if (name === "on") {
      for (const [event, listener] of Object.entries(value)) element.addEventListener(event, listener);
    } else element.setAttribute(name, value === true ? "" : plain(value));
  }
  element.append(...nodes(children));
  return element;
}

function nodes(children) {
  return children
    .flat(Infinity)
    .filter((child) => child !== null && child !== undefined && child !== false)
    .map((child) => (child instanceof Node ? child : document.createTextNode(plain(child))));
}

/** Fills an element anew, and leaves the focus and open details where they were. */
export function refill(element, ...children) {
  const name = element.contains(document.activeElement) && document.activeElement.dataset.name;
  const open = new Set();
  for (const details of element.querySelectorAll("details[open][data-name]")) open.add(details.dataset.name);
  element.replaceChildren(...nodes(children));
  for (const details of element.querySelectorAll("details[data-name]")) {
    if (open.has(details.dataset.name)) details.open = true;
  }
  if (name) element.querySelector(`[data-name="${CSS.escape(name)}"]`)?.focus();
}

/**
 * A table with a cell per column in each row. Columns: `{ name, cell, number }`. On a phone each row
 * becomes a card, unless its kind is `tight`; so that the roles are said again: a browser forgets
 * them with `display: block`.
 */
export function table(caption, columns, rows, kind = "cards") {
  const head = columns.map((column) =>
    el("th", { scope: "col", role: "columnheader", class: column.number && "number" }, column.name),
  );
  const body = rows.map((row) =>
    el(
      "tr",
      { role: "row" },
      columns.map((column, at) => {
        const content = column.cell(row);
        const names = [column.number && "number", content === NOTHING && "none"].filter(Boolean).join(" ");
        const properties = { class: names || null, data: { label: column.name } };
        return at
          ? el("td", { role: "cell", ...properties }, content)
          : el("th", { role: "rowheader", scope: "row", ...properties }, content);
      }),
    ),
  );
  return el(
    "table",
    { role: "table", class: kind },
    el("caption", { class: "hidden" }, caption),
    el("thead", { role: "rowgroup" }, el("tr", { role: "row" }, head)),
    el("tbody", { role: "rowgroup" }, body),
  );
}

/** A part of a page with a heading. */
export function card(title, { note, actions, wide, name } = {}, ...children) {
  const id = `card-${(name ?? title).toLowerCase().replace(/[^a-z0-9]+/g, "-")}`;
  return el(
    "section",
    { class: wide ? "card wide" : "card", "aria-labelledby": id },
    el("div", { class: "card-head" }, el("h2", { id }, title), actions, note && el("p", { class: "note" }, note)),
    children,
  );
}

/** What stands where there is nothing: why, and what to do. */
export function empty(title, text) {
  return el("div", { class: "empty" }, el("p", { class: "empty-title" }, title), text && el("p", {}, text));
}

/** What stands where something is on its way. */
export function waiting() {
  return el("p", { class: "note waiting" }, "Loading…");
}

/** A word in a pill: `good`, `warn`, `bad` or plain. */
export function badge(text, tone = "") {
  return el("span", { class: `badge ${tone}` }, text);
}

/** Tells it to those who look and to those who listen. */
export function say(text, tone = "good") {
  const said = document.getElementById("said");
  said.replaceChildren(el("p", { class: `toast ${tone}` }, text));
  clearTimeout(say.timer);
  say.timer = setTimeout(() => said.replaceChildren(), 8000);
}
