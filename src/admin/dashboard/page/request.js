// What became of one request?
import { get, part, post } from "./api.js";
import { ask } from "./dialog.js";
import { card, el, refill, waiting } from "./dom.js";
import { explained, factList } from "./incident.js";
import { date, hour, minutes, sentence, time } from "./format.js";

const DAY = 86_400_000;

/** The page that explains a request. */
export function request(context, _, id) {
  const found = el("div", { class: "stack" }, waiting());
  context.every(0, async () => {
    const told = await get(`/explain/${part(id)}`, context.signal);
    const none = card(
      "Nothing is kept of it",
      {},
      el("p", {}, sentence(told.text ?? "")),
      el("p", { class: "note" }, "Is the id whole? It is the x-request-id of an answer."),
    );
    refill(
      found,
      told.refusals.map((one) => card(`Refused with ${one.status}`, { name: one.at }, explained(one))),
      told.charges.map((one) =>
        card("What it reserved and cost", { name: one.reservation, note: sentence(one.text), actions: decisions(one, context) }, charge(one)),
      ),
      !told.known && none,
    );
  });
  const node = el(
    "div",
    { class: "page" },
    el(
      "div",
      { class: "page-head" },
      el("p", { class: "crumb" }, el("a", { href: "#/refusals" }, "Refusals"), " /"),
      el("h1", { tabindex: -1, class: "mono wrap" }, id),
    ),
    found,
  );
  return { title: `Request ${id}`, node };
}

/** What an operator may decide of a call whose outcome nobody knows, or of a job without an end. */
function decisions(one, context) {
  const takesLong = one.state === "bound" && Date.now() - new Date(one.opened) > DAY;
  if (!context.canChange || (one.state !== "lost" && !takesLong)) return null;
  const decide = (how, title, text) =>
    ask({
      title,
      text,
      action: how === "charge" ? "Charge" : "Release",
      danger: true,
      act: async () => {
        await post(`/unresolved/${part(one.reservation)}/close`, { how });
        return how === "charge" ? "What it holds is charged." : "What it held is given back.";
      },
      done: context.reload,
    });
  const button = (name, ...words) => el("button", { type: "button", on: { click: () => decide(...words) } }, name);
  return el(
    "span",
    { class: "buttons" },
    button("Charge…", "charge", "Charge this call?", "Heify has done it: what it holds is booked as used. This cannot be taken back."),
    button("Release…", "release", "Release this call?", "Heify has not done it: what it holds is given back. This cannot be taken back."),
  );
}

function charge(one) {
  const moment = (at) => at && time(at, `${date(at)}, ${hour(at)}`);
  const state = one.why ? `${one.state} (${one.why})` : one.state;
  const held = one.holds.map((hold) => el("li", { class: "mono wrap" }, `${hold.payer || "the account"} ${hold.meter}: ${hold.held}`));
  return factList([
    ["State", state],
    ["Tenant", el("a", { href: `#/tenants/${part(one.tenant)}` }, one.tenant)],
    ["Key", el("span", { class: "mono" }, one.key)],
    ["Endpoint", el("span", { class: "mono" }, one.endpoint)],
    ["Opened", moment(one.opened)],
    ["Closed", moment(one.closed)],
    ["Reserved", one.reserved_ms !== null && minutes(one.reserved_ms)],
    ["Length", one.length_ms !== null && minutes(one.length_ms)],
    ["Billed", one.billed_ms !== null && minutes(one.billed_ms)],
    ["Object", one.object && el("span", { class: "mono wrap" }, one.object)],
    ["Held", held.length > 0 && el("ul", { class: "bare" }, held)],
    ["Reservation", el("span", { class: "mono wrap" }, one.reservation)],
  ]);
}
