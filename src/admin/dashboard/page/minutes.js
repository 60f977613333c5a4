// How many minutes are used, reserved and left, and how long will they last?
import { ask, field } from "./dialog.js";
import { get, post, query } from "./api.js";
import { chart, legend, meter } from "./chart.js";
import { card, el, empty, NOTHING, refill } from "./dom.js";
import { away, date, minutes, number, time } from "./format.js";

/** Used, reserved and left, as parts of what there is. */
export function minutesMeter(usage) {
  if (!usage || usage.left === null) return NOTHING;
  const all = usage.used + usage.reserved + usage.left || 1;
  const percent = Math.round(((usage.used + usage.reserved) / all) * 100);
  const parts = [
    { share: usage.used / all, color: percent >= 100 ? "failed" : percent >= 80 ? "refused" : "passed" },
    { share: usage.reserved / all, color: "reserved" },
  ];
  return el("span", { class: "share" }, meter(parts, `${percent}% of the minutes used or reserved`), `${percent}%`);
}

/** When they run out, in words. */
function forecast(usage) {
  if (usage.left === null) return "There is no limit: minutes are recorded only.";
  const resets = usage.resets ? ["; the month's allowance begins anew on ", time(usage.resets, date(usage.resets))] : "";
  if (usage.left === 0) return ["Nothing is left, so calls that need minutes are refused with 402", resets, "."];
  if (!usage.used_in_last_7_days) return ["Nothing was used in the last seven days, so there is no forecast", resets, "."];
  const pace = `In the last seven days ${minutes(usage.used_in_last_7_days)} were used. At this pace the minutes `;
  if (!usage.runs_out) return [pace, "last until they begin anew", resets, "."];
  return [pace, "run out on ", el("strong", {}, time(usage.runs_out, date(usage.runs_out))), ` (${away(usage.runs_out)})`, resets, "."];
}

/** The minutes of one tenant, with a bar per day of the month. */
export function minutesCard(tenant, usage, context) {
  const actions =
    context.canChange && usage && el("button", { type: "button", data: { name: "grant" }, on: { click: () => grant(tenant, context) } }, "Grant minutes…");
  if (!usage) {
    return card("Minutes", {}, empty("Minutes are not recorded", 'The configuration says minutes = "off" for this tenant.'));
  }
  const lines = [
    { name: "Used", id: "minutes-used", color: "passed", value: minutes(usage.used) },
    { name: "Reserved", id: "minutes-reserved", color: "reserved", value: minutes(usage.reserved) },
    { name: "Left", id: "minutes-left", color: "rest", value: usage.left === null ? "no limit" : minutes(usage.left) },
  ];
  if (usage.overdrawn) lines.push({ name: "Overdrawn", color: "failed", value: minutes(usage.overdrawn) });
  const all = usage.used + usage.reserved + (usage.left ?? 0) || 1;
  const parts = [
    { share: usage.used / all, color: "passed" },
    { share: usage.reserved / all, color: "reserved" },
  ];
  const sources = [usage.monthly !== null && `${minutes(usage.monthly)} each month`, usage.granted && `${minutes(usage.granted)} granted on top`];
  const note = sources.filter(Boolean).join(", ") || "No allowance is set";
  return card(
    "Minutes",
    { note, actions },
    legend(lines),
    usage.left !== null && meter(parts, lines.map((line) => `${line.name} ${line.value}`).join(", ")),
    el("p", {}, forecast(usage)),
  );
}

/** A bar per day of the present month. */
export function daysCard(tenant, context) {
  const place = el("div", {});
  const total = el("p", { class: "note" });
  let month = [0, 1];
  const bars = chart({
    label: "Billed minutes by day",
    signal: context.signal,
    bars: true,
    ticks: (at) => new Date(at).toLocaleDateString("en-US", { month: "short", day: "numeric" }),
    range: () => month,
    series: [{ name: "billed", color: "passed", shown: (value) => minutes(value === null ? 0 : value * 60_000) }],
  });
  context.every(0, async () => {
    const answer = await get(`/usage${query({ tenant })}`, context.signal);
    if (!answer.days.length) {
      refill(place, empty("No jobs this month", "A submitted recording shows here on its day."));
      return;
    }
    const billed = new Map(answer.days.map((one) => [one.day, (one.billed_ms ?? 0) / 60_000]));
    const sum = [...billed.values()].reduce((all, one) => all + one, 0) * 60_000;
    const open = answer.days.reduce((all, one) => all + one.open_jobs, 0);
    const waiting = open ? `${number(open)} ${open === 1 ? "job is" : "jobs are"} not settled yet` : "";
    total.textContent = [`${minutes(sum)} this month`, waiting].filter(Boolean).join("; ");
    if (!sum) {
      refill(place, empty("Nothing was billed yet this month", "A job is billed once Heify tells its length."));
      return;
    }
    if (!bars.node.isConnected) place.replaceChildren(bars.node);
    const days = daysOf(answer);
    month = [days[0].at - 43_200, days.at(-1).at + 43_200];
    bars.set(days.map((one) => one.at), [days.map((one) => billed.get(one.day) ?? 0)], minutes(sum));
  });
  const csv = `/admin/v1/usage/jobs${query({ tenant, format: "csv" })}`;
  const download = el("a", { href: csv, download: "usage.csv", class: "button" }, "Download jobs (CSV)");
  return card("Billed minutes by day", { actions: download, name: "days" }, total, place);
}

/** Each day of the period, dated at its noon. */
function daysOf({ from, to }) {
  const days = [];
  const end = new Date(to).getTime();
  // Half a day further is in the day that begins, whatever the zone.
  for (let at = new Date(from).getTime() + 43_200_000; at < end; at += 86_400_000) {
    days.push({ at: at / 1000, day: new Date(at).toISOString().slice(0, 10) });
  }
  return days;
}

function grant(tenant, context) {
  const amount = el("input", { name: "minutes", type: "number", step: "1", required: true, inputmode: "numeric" });
  const note = el("input", { name: "note", type: "text", maxlength: "500", autocomplete: "off" });
  ask({
    title: `Grant minutes to ${tenant}`,
    text: "They are added beside the month's allowance and have no end. Each grant counts.",
    fields: [field("Minutes", amount, "A negative number takes some away."), field("Note", note, "Why, for the audit log.")],
    action: "Grant",
    act: async (given) => {
      const granted = await post("/grants", { tenant, minutes: Number(given.minutes), note: given.note });
      const first = granted.was_limited ? "" : " From now on this tenant has a limit.";
      return `${minutes(granted.granted_ms)} were granted; ${minutes(granted.left_ms)} are left.${first}`;
    },
    done: context.reload,
  });
}

