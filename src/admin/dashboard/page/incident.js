// Which rule refused a call, and what did it see?
import { part } from "./api.js";
import { badge, el } from "./dom.js";
import { away, date, hour, number, sentence, span, time } from "./format.js";

/** One refusal, closed: a line; open: its explanation. */
export function incident(one) {
  return el(
    "details",
    { class: "incident", data: { name: `${one.request} ${one.at}` } },
    el(
      "summary",
      {},
      el("span", { class: "when" }, time(one.at, hour(one.at))),
      badge(one.status, one.status >= 500 ? "bad" : "warn"),
      el("span", { class: "mono reason" }, one.reason),
      el("span", { class: "who" }, one.tenant ?? "nobody known"),
      el("span", { class: "mono path" }, one.endpoint ?? "no endpoint"),
    ),
    explained(one),
    el("p", {}, el("a", { href: `#/requests/${part(one.request)}` }, "All that is known of this request")),
  );
}

/** The explanation of a refusal. */
export function explained(one) {
  const facts = [
    ["Answer", [badge(one.status, one.status >= 500 ? "bad" : "warn"), " ", one.message]],
    ["Rule", [el("span", { class: "mono" }, one.reason), `: ${where(one)}`]],
    ["Hint", one.hint && sentence(one.hint)],
    ["Limit then", one.limit && limitText(one.limit)],
    ["Retry after", one.retry_after_seconds && span(Math.ceil(one.retry_after_seconds))],
    ["Tenant", one.tenant ? el("a", { href: `#/tenants/${part(one.tenant)}` }, one.tenant) : "none: no key that the gateway knows"],
    ["Key", one.key && el("span", { class: "mono" }, one.key)],
    ["Endpoint", one.endpoint && el("span", { class: "mono" }, one.endpoint)],
    ["When", time(one.at, `${date(one.at)}, ${hour(one.at)} (${away(one.at)})`)],
    ["Request id", el("span", { class: "mono wrap" }, one.request)],
    ["Configuration", number(one.config_version)],
  ];
  return factList(facts);
}

/** Names with what is known of them; what is not known is left out. */
export function factList(facts) {
  const shown = facts.filter(([, value]) => value !== null && value !== undefined && value !== false && value !== 0);
  return el("dl", { class: "facts" }, shown.map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value))));
}

function where(one) {
  if (one.forwarded) return "the call had been sent upstream; the gateway answered because of what came back.";
  return "decided before anything was sent upstream, so it cost nothing.";
}

function limitText(limit) {
  const full = limit.full_after_seconds > 0 ? `, full again after ${span(Math.ceil(limit.full_after_seconds))}` : "";
  return `${limit.name}: ${number(limit.per_minute)} per minute, at most ${number(limit.burst)} at once; ${number(limit.remaining)} were left${full}.`;
}
