// How is one tenant, and what can be changed for it?
import { get, part, query } from "./api.js";
import { badge, card, el, empty, refill, waiting } from "./dom.js";
import { place } from "./format.js";
import { incident } from "./incident.js";
import { keysCard } from "./keys.js";
import { accessButton, limitsCard } from "./limits.js";
import { daysCard, minutesCard } from "./minutes.js";

/** The page of one tenant. */
export function tenant(context, _, id) {
  const head = el("div", { class: "head-facts" }, waiting());
  const minutes = el("div", {});
  const keys = el("div", {});
  const limits = el("div", {});
  const refused = el("div", {});
  const days = el("div", {});
  const at = part(id);
  context.every(15, async () => {
    const seen = await get(`/tenants/${at}`, context.signal);
    const access = seen.limits.find((one) => one.limit === "access");
    refill(head, factsOf(seen, access), accessButton(id, access, context));
    refill(minutes, minutesCard(id, seen.usage.minutes, context));
    if (!days.firstChild) days.append(daysCard(id, context));
    refill(keys, keysCard(id, seen.keys, context));
    refill(limits, limitsCard(id, seen.limits, seen.usage, context));
    const { refusals } = await get(`/refusals${query({ tenant: id, most: 8 })}`, context.signal);
    refill(refused, refusedOf(id, refusals));
  });
  const node = el(
    "div",
    { class: "page" },
    el(
      "div",
      { class: "page-head" },
      el("p", { class: "crumb" }, el("a", { href: "#/tenants" }, "Tenants"), " /"),
      el("h1", { tabindex: -1 }, id),
      head,
    ),
    el("div", { class: "grid" }, minutes, days),
    keys,
    limits,
    refused,
  );
  return { title: id, node };
}

function factsOf(seen, access) {
  const off = seen.state === "disabled";
  const until = access.changed?.until ? ` until ${new Date(access.changed.until).toLocaleString("en-US")}` : "";
  const note = access.changed?.note ? ` (${access.changed.note})` : "";
  return [
    badge(off ? `disabled${until}` : "enabled", off ? "bad" : "good"),
    off && note && el("span", { class: "note" }, note),
    seen.label && el("span", {}, seen.label),
    el("span", { class: "note" }, seen.endpoints ? `may call ${seen.endpoints.length} endpoints` : "may call all endpoints"),
    seen.set_at && el("span", { class: "note" }, place(seen.set_at)),
  ];
}

function refusedOf(id, refusals) {
  const none = empty("Nothing of this tenant was refused of late", "Refusals are kept for 24 hours, since the gateway's start.");
  const all = el("a", { href: `#/refusals${query({ tenant: id })}`, class: "button" }, "All of them");
  return card("Recent refusals", { wide: true, actions: refusals.length > 0 && all }, refusals.length ? el("div", {}, refusals.map(incident)) : none);
}
