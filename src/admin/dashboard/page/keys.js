// Which keys has a tenant, and how do they come and go?
import { part, post } from "./api.js";
import { ask, field, secret, select } from "./dialog.js";
import { badge, card, el, empty, NOTHING, table } from "./dom.js";
import { away, date, place, time } from "./format.js";

const EXPIRY = [
  ["", "Never"],
  ["7d", "In 7 days"],
  ["30d", "In 30 days"],
  ["90d", "In 90 days"],
  ["365d", "In a year"],
];
const OVERLAP = [
  ["0s", "Not at all: it ends at once"],
  ["1h", "One hour"],
  ["24h", "One day"],
  ["7d", "One week"],
];

/** The keys of a tenant. */
export function keysCard(tenant, keys, context) {
  const actions =
    context.canChange &&
    el("button", { type: "button", data: { name: "issue" }, on: { click: () => issue(tenant, context) } }, "Issue a key…");
  const columns = [
    { name: "Key", cell: (key) => [el("span", { class: "mono" }, key.id), key.note && el("span", { class: "sub" }, key.note)] },
    { name: "State", cell: (key) => stateOf(key) },
    { name: "Expires", cell: (key) => (key.expires ? time(key.expires, `${date(key.expires)} (${away(key.expires)})`) : "never") },
    { name: "Set in", cell: (key) => (key.issued ? "records" : place(key.source)) },
  ];
  if (context.canChange) columns.push({ name: "Change", cell: (key) => buttons(key, context) });
  const none = empty("This tenant has no keys", context.canChange ? "Issue one, and give it to the team." : "An operator can issue one.");
  return card("Keys", { actions, wide: true }, keys.length ? table(`Keys of ${tenant}`, columns, keys) : none);
}

function stateOf(key) {
  const replaced = key.state.startsWith("replaced");
  return badge(replaced ? "replaced" : key.state, replaced ? "info" : key.valid ? "good" : "bad");
}

function buttons(key, context) {
  if (!key.issued) return el("span", { class: "note" }, "in the file");
  if (!key.valid) return NOTHING;
  const button = (name, act, danger) =>
    el(
      "button",
      { type: "button", class: danger && "danger-quiet", "aria-label": `${name} the key ${key.id}`, data: { name: `${name}-${key.id}` }, on: { click: () => act(key, context) } },
      `${name}…`,
    );
  return el("span", { class: "buttons" }, key.state === "valid" && button("Rotate", rotate), button("Revoke", revoke, true));
}

function given(form, names) {
  const named = names.map((name) => [name, form[name]?.trim()]);
  return Object.fromEntries(named.filter(([, value]) => value));
}

const idField = () =>
  field("Id", el("input", { name: "id", type: "text", maxlength: "128", autocomplete: "off", spellcheck: "false" }), "Optional: without it, the gateway makes one.");
const noteField = () => field("Note", el("input", { name: "note", type: "text", maxlength: "500", autocomplete: "off" }), "Optional: where the key is used.");

function issue(tenant, context) {
  ask({
    title: `Issue a key for ${tenant}`,
    text: "It is shown once, here. The gateway keeps only a hash of it.",
    fields: [idField(), field("Expires", select("expires", EXPIRY, "90d")), noteField()],
    action: "Issue",
    act: async (form) => shown(await post("/keys", { tenant, ...given(form, ["id", "expires", "note"]) })),
    done: context.reload,
  });
}

function rotate(key, context) {
  ask({
    title: `Rotate the key ${key.id}`,
    text: "A new key takes its place and is shown once, here. The old one goes on for a while, so that the team can change over.",
    fields: [
      field("The old key goes on for", select("overlap", OVERLAP, "24h"), "For a leaked key: not at all."),
      field("The new key expires", select("expires", EXPIRY, "90d")),
    ],
    action: "Rotate",
    act: async (form) => shown(await post(`/keys/${part(key.id)}/rotate`, given(form, ["overlap", "expires"]))),
    done: context.reload,
  });
}

function revoke(key, context) {
  ask({
    title: `Revoke the key ${key.id}?`,
    text: `Calls with it are refused from now on, and it cannot be switched on again. It belongs to ${key.tenant}.`,
    action: "Revoke",
    danger: true,
    act: async () => {
      await post(`/keys/${part(key.id)}/revoke`);
      return `The key ${key.id} is revoked.`;
    },
    done: context.reload,
  });
}

/** A new key, once. */
function shown(made) {
  if (!made.key) return `Nothing was made: ${made.unchanged}.`;
  const old = made.replaces ? ` The old key ends ${away(made.replaces.ends)}.` : "";
  return secret(`The key ${made.id}`, made.key, `Copy it now: it is not shown again.${old}`);
}
