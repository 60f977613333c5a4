// Who are the tenants, and how are they?
import { get, part } from "./api.js";
import { badge, el, empty, NOTHING, refill, table, waiting } from "./dom.js";
import { away, date, minutes, number, time } from "./format.js";
import { minutesMeter } from "./minutes.js";

/** The list of tenants. */
export function tenants(context) {
  const list = el("div", {}, waiting());
  const found = el("p", { class: "note", role: "status" });
  let all = [];
  const filter = el("input", { id: "filter", type: "search", autocomplete: "off", spellcheck: "false", on: { input: draw } });

  function draw() {
    const wanted = filter.value.trim().toLowerCase();
    const meant = all.filter((one) => `${one.id} ${one.label ?? ""}`.toLowerCase().includes(wanted));
    found.textContent = wanted ? `${number(meant.length)} of ${number(all.length)} tenants` : `${number(all.length)} tenants`;
    if (!all.length) refill(list, empty("There are no tenants", "Add [[tenants]] to the configuration, and reload it."));
    else if (!meant.length) refill(list, empty("No tenant is called that", "Change the words above, or clear them."));
    else refill(list, table("Tenants", columns, meant));
  }

  context.every(30, async () => {
    const [answer, live] = await Promise.all([get("/tenants", context.signal), get("/live", context.signal)]);
    all = answer.tenants.map((one) => ({ ...one, calls: live.tenants[one.id] }));
    draw();
  });
  const node = el(
    "div",
    { class: "page" },
    el("div", { class: "page-head" }, el("h1", { tabindex: -1 }, "Tenants"), found),
    el("div", { class: "filters" }, el("div", { class: "field" }, el("label", { for: "filter" }, "Find by id or label"), filter)),
    el("div", { class: "card" }, list),
  );
  return { title: "Tenants", node };
}

const columns = [
  {
    name: "Tenant",
    cell: (one) => [
      el("a", { href: `#/tenants/${part(one.id)}`, data: { name: one.id } }, one.id),
      one.label && el("span", { class: "sub" }, one.label),
    ],
  },
  { name: "State", cell: (one) => el("span", { class: "badges" }, stateOf(one), one.changed_limits > 0 && badge(`${one.changed_limits} changed`, "info")) },
  { name: "Valid keys", number: true, cell: (one) => keysOf(one) },
  { name: "Minutes used", number: true, cell: (one) => (one.minutes ? minutes(one.minutes.used) : "not recorded") },
  { name: "Left", number: true, cell: (one) => leftOf(one.minutes) },
  { name: "Share", cell: (one) => minutesMeter(one.minutes) },
  { name: "Runs out", cell: (one) => ends(one.minutes) },
  { name: "Forwarded", number: true, cell: (one) => number(one.calls?.forwarded ?? 0) },
  { name: "Refused", number: true, cell: (one) => number(one.calls?.refused ?? 0) },
];

function stateOf(one) {
  return one.state === "enabled" ? badge("enabled", "good") : badge("disabled", "bad");
}

function keysOf(one) {
  return one.valid_keys ? `${number(one.valid_keys)} of ${number(one.keys)}` : badge("none valid", "warn");
}

function leftOf(usage) {
  if (!usage) return NOTHING;
  return usage.left === null ? "no limit" : minutes(usage.left);
}

function ends(usage) {
  if (usage?.left === 0) return badge("used up", "bad");
  if (!usage?.runs_out) return NOTHING;
  return time(usage.runs_out, `${date(usage.runs_out)} (${away(usage.runs_out)})`);
}
