// What should an operator look at first?
import { part } from "./api.js";
import { el } from "./dom.js";
import { away, limitName, minutes, number, time } from "./format.js";

const DAY = 86_400_000;
const SOON = 14 * DAY;
const SHOWN = 6;
const NAMED = 3;

/** All that calls for somebody, the worst first; a short word where nothing does. */
export function attention({ seen, account, tenants, keys, unresolved }) {
  const found = [
    ...ofRecords(seen),
    ...ofMinutes("The account", account?.minutes, "Top it up at Heify, and grant it here or in [account]."),
    ...(tenants?.tenants ?? []).flatMap(ofTenant),
    ...ofUnresolved(unresolved),
    ...ofKeys(keys),
    ...ofPromises(seen.oversubscribed),
    ...seen.warnings.map((text) => ["warn", [text]]),
  ];
  if (!found.length) return el("p", { class: "notice good" }, "Nothing calls for attention.");
  found.sort(([one], [other]) => (one === "bad" ? 0 : 1) - (other === "bad" ? 0 : 1));
  const line = ([tone, text]) => el("li", { class: tone }, text);
  const more = found.length - SHOWN;
  return el(
    "section",
    { class: "attention", "aria-labelledby": "attention" },
    el("h2", { id: "attention" }, "Needs attention"),
    el("ul", {}, found.slice(0, SHOWN).map(line)),
    more > 0 &&
      el("details", { data: { name: "more" } }, el("summary", {}, `${more} more`), el("ul", {}, found.slice(SHOWN).map(line))),
  );
}

function ofRecords({ records }) {
  if (!records) {
    const text =
      'This gateway keeps no records: it counts rates, and neither minutes nor who owns what. Set url = "sqlite:///…" in [records], and restart it.';
    return [["warn", [text]]];
  }
  if (records.healthy) return [];
  return [["bad", ["The records cannot be written, so metered calls are refused. Look at the gateway's log and its disk."]]];
}

function ofMinutes(who, usage, what) {
  if (!usage || usage.left === null) return [];
  if (usage.left <= 0) return [["bad", [who, ` has no minutes left. ${what}`]]];
  const ends = usage.runs_out && new Date(usage.runs_out) - Date.now();
  if (!usage.runs_out || ends > SOON) return [];
  const text = ` has ${minutes(usage.left)} left; at the pace of the last seven days they run out `;
  return [["warn", [who, text, time(usage.runs_out, away(usage.runs_out)), "."]]];
}

function ofTenant(tenant) {
  const link = el("a", { href: `#/tenants/${part(tenant.id)}`, data: { name: `attention-${tenant.id}` } }, tenant.id);
  if (tenant.state === "disabled") return [];
  return ofMinutes(link, tenant.minutes, "Grant some, or wait for the month's end.");
}

function ofUnresolved(unresolved) {
  if (!unresolved?.count) return [];
  const text = `${number(unresolved.count)} ${unresolved.count === 1 ? "call is" : "calls are"} not resolved: `;
  const links = unresolved.unresolved
    .slice(0, 3)
    .map((one) => [el("a", { href: `#/requests/${part(one.request)}`, class: "mono" }, one.request), " "]);
  return [["warn", [text, links, "– open it to see why; an operator can charge or release it."]]];
}

function ofKeys(keys) {
  const soon = (key) => key.valid && key.state === "valid" && key.expires && new Date(key.expires) - Date.now() < SOON;
  const found = (keys?.keys ?? []).filter(soon).sort((one, other) => new Date(one.expires) - new Date(other.expires));
  if (!found.length) return [];
  const named = found.slice(0, NAMED).map((key, at) => [
    at > 0 && ", ",
    el("a", { href: `#/tenants/${part(key.tenant)}`, data: { name: `expires-${key.id}` } }, key.id),
    ` (${away(key.expires)})`,
  ]);
  const more = found.length > NAMED && ` and ${number(found.length - NAMED)} more`;
  return [["warn", [`${found.length === 1 ? "A key expires" : `${number(found.length)} keys expire`} within two weeks: `, named, more, "."]]];
}

/** Promises that the account cannot keep. */
function ofPromises(promises) {
  if (!promises.length) return [];
  const names = promises.map((one) => limitName(one.limit)).slice(0, NAMED).join(", ");
  const more = promises.length > NAMED ? ` and ${number(promises.length - NAMED)} more` : "";
  return [["warn", [`Tenants were promised more than the account has: ${names}${more}. See “Account” below.`]]];
}
