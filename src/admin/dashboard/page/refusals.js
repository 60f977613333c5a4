// What was refused of late, and why?
import { get, query } from "./api.js";
import { el, empty, refill, waiting } from "./dom.js";
import { number } from "./format.js";
import { incident } from "./incident.js";

const MOST = 100;

/** The list of refusals, filtered by what stands in the address. */
export function refusals(context, asked) {
  const list = el("div", {}, waiting());
  const found = el("p", { class: "note", role: "status" });
  const tenant = el("select", { id: "of-tenant" });
  const reason = el("select", { id: "of-reason" });
  const wanted = { tenant: asked.get("tenant") ?? "", reason: asked.get("reason") ?? "" };
  const choose = () => {
    location.hash = `#/refusals${query({ tenant: tenant.value, reason: reason.value })}`;
  };
  for (const control of [tenant, reason]) control.addEventListener("change", choose);

  context.every(10, async () => {
    const [answer, live] = await Promise.all([
      get(`/refusals${query({ ...wanted, most: MOST })}`, context.signal),
      get("/live", context.signal),
    ]);
    options(tenant, "All tenants", Object.keys(live.tenants), wanted.tenant);
    options(reason, "All reasons", Object.keys(live.reasons), wanted.reason);
    const all = answer.refusals;
    found.textContent = all.length === MOST ? `The latest ${number(MOST)}` : `${number(all.length)} found`;
    refill(list, all.length ? all.map(incident) : nothing(wanted));
  });
  const labelled = (text, control) => el("div", { class: "field" }, el("label", { for: control.id }, text), control);
  const node = el(
    "div",
    { class: "page" },
    el(
      "div",
      { class: "page-head" },
      el("h1", { tabindex: -1 }, "Recent refusals"),
      found,
      el("p", { class: "note" }, "Kept for 24 hours, since the gateway's start. Open one to see its explanation."),
    ),
    el("div", { class: "filters" }, labelled("Tenant", tenant), labelled("Reason", reason)),
    el("div", { class: "card" }, list),
  );
  return { title: "Refusals", node };
}

/** Fills a choice, unless it is there already: an open one must not close. */
function options(control, all, names, chosen) {
  const wanted = [...new Set([...names, chosen].filter(Boolean))].sort();
  const known = [...control.options].slice(1).map((option) => option.value);
  if (control.options.length && known.join("\n") === wanted.join("\n")) return;
  control.replaceChildren(el("option", { value: "" }, all), ...wanted.map((name) => el("option", { value: name }, name)));
  control.value = chosen;
}

function nothing({ tenant, reason }) {
  if (!tenant && !reason) return empty("Nothing was refused", "A refused call shows here at once.");
  return [
    empty("Nothing like this was refused", "Choose another tenant or reason, or look at all of them."),
    el("p", { class: "center" }, el("a", { href: "#/refusals", class: "button" }, "Show all refusals")),
  ];
}
