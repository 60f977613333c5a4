// What has the account, and what is left of it?
import { meter } from "./chart.js";
import { badge, card, el, empty, NOTHING, table } from "./dom.js";
import { date, minutes, number, time } from "./format.js";

/** The account against all that tenants may use of it. */
export function accountCard(account) {
  if (!account) {
    const text = 'Set url = "sqlite:///…" in [records], and restart the gateway.';
    return card("Account", {}, empty("Nothing is counted without records", text));
  }
  const lines = [
    ...minutesLine(account),
    ...account.objects.map((one) => ({ ...one, name: `Objects: ${one.kind}`, limits: [`objects:${one.kind}`], shown: number })),
    ...account.calls.map((one) => ({ ...one, name: `${one.endpoint} per month`, limits: [`calls:${one.endpoint}`], shown: number })),
  ];
  const promises = new Map(account.oversubscribed.map((one) => [one.limit, one]));
  const columns = [
    { name: "What", cell: (line) => [line.name, " ", over(promises.get(line.limits[0]))] },
    { name: "Used", number: true, cell: (line) => line.shown(line.used) },
    { name: "Reserved", number: true, cell: (line) => line.shown(line.reserved) },
    { name: "Left", number: true, cell: (line) => (line.left === null ? "no limit" : line.shown(line.left)) },
    { name: "Share", cell: share },
    { name: "Promised", number: true, cell: (line) => promise(promises.get(line.limits[0]), line) },
  ];
  const { start, end, zone } = account.month;
  return card(
    "Account",
    { note: ["All tenants together; the month from ", time(start, date(start)), " to ", time(end, date(end)), `, ${zone}`], wide: true },
    table("The account's limits and what is used of them", columns, lines),
  );
}

function minutesLine(account) {
  const usage = account.minutes;
  if (!usage) return [];
  const limit = usage.left === null ? null : usage.left + usage.used + usage.reserved;
  return [{ ...usage, limit, name: "Minutes", limits: ["minutes"], shown: minutes }];
}

function over(promised) {
  return promised && badge("oversubscribed", "warn");
}

function promise(promised, line) {
  if (!promised) return line.limit === null ? NOTHING : "within the limit";
  return promised.unlimited ? `${line.shown(promised.together)} and more` : line.shown(promised.together);
}

/** Used and reserved, as parts of the limit. */
export function share(line) {
  if (!line.limit) return NOTHING;
  const percent = Math.round(((line.used + line.reserved) / line.limit) * 100);
  const text = `${percent}% of ${line.shown(line.limit)} used or reserved`;
  return el(
    "span",
    { class: "share" },
    meter([{ share: line.used / line.limit, color: tone(percent) }, { share: line.reserved / line.limit, color: "reserved" }], text),
    `${percent}%`,
  );
}

function tone(percent) {
  return percent >= 100 ? "failed" : percent >= 80 ? "refused" : "passed";
}
