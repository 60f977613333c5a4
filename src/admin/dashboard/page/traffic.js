// What passed in the last hour, and how long did it take?
import { chart, legend } from "./chart.js";
import { card, el, empty, refill, table } from "./dom.js";
import { hour, micros, minute, number, rate } from "./format.js";

const SPANS = [
  ["15 minutes", 900],
  ["1 hour", 3600],
];
const YOUNG = 120;
const passed = (slot) => slot.forwarded - slot.upstream_errors;
const seconds = (slot) => new Date(slot.at).getTime() / 1000;
const sum = (slots, of) => slots.reduce((all, slot) => all + of(slot), 0);
const each = (slot, of) => of / slot.seconds;
const mean = (total, count) => (count ? total / count : null);

/** The charts of the overview; `set` gives them the slots of the API. */
export function traffic(signal) {
  let shown = SPANS[0][1];
  let slots = [];
  const range = (_, least, most) => {
    const end = Math.max(most ?? 0, Date.now() / 1000);
    // A gateway that has just begun has not much to show: it is shown large.
    return [Math.max(end - shown, Math.min(least ?? end, end - YOUNG)), end];
  };
  const rates = chart({
    label: "Calls per second",
    signal,
    range,
    series: [
      { name: "passed", color: "passed", shown: rate },
      { name: "refused", color: "refused", shown: rate },
      { name: "failed", color: "failed", shown: rate },
    ],
  });
  const own = chart({ label: "Own overhead, mean", signal, range, series: [{ name: "own overhead", color: "own", shown: micros }] });
  const upstream = chart({ label: "Upstream time, mean", signal, range, series: [{ name: "upstream", color: "upstream", shown: micros }] });
  const counts = el("div", {});
  const rows = el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Calls by minute" });
  const spans = el("div", { class: "choice", role: "group", "aria-label": "Time shown" });
  for (const [name, length] of SPANS) {
    const pressed = () => String(shown === length);
    const press = () => {
      shown = length;
      for (const button of spans.children) button.setAttribute("aria-pressed", String(button.textContent === name));
      draw();
    };
    spans.append(el("button", { type: "button", "aria-pressed": pressed(), on: { click: press } }, name));
  }

  function draw() {
    const end = slots.length ? seconds(slots.at(-1)) : 0;
    const near = slots.filter((slot) => seconds(slot) > end - shown);
    const totals = [
      { name: "Passed", id: "passed", color: "passed", value: number(sum(near, passed)) },
      { name: "Refused", id: "refused", color: "refused", value: number(sum(near, (slot) => slot.refused)) },
      { name: "Failed", id: "failed", color: "failed", value: number(sum(near, (slot) => slot.upstream_errors)) },
    ];
    const none = !sum(near, (slot) => slot.forwarded + slot.refused);
    refill(
      counts,
      legend(totals),
      none && empty("No calls in this time", "Call the gateway with a tenant's key, and they show here within seconds."),
    );
    // A slot lasts until the next one begins; the last one until now.
    const lasting = (values) => [...values, values.at(-1)];
    const times = near.map(seconds);
    if (near.length) times.push(end + near.at(-1).seconds);
    const text = totals.map((one) => `${one.value} ${one.name.toLowerCase()}`).join(", ");
    rates.set(
      times,
      [passed, (slot) => slot.refused, (slot) => slot.upstream_errors].map((of) => lasting(near.map((slot) => each(slot, of(slot))))),
      text,
    );
    const calls = (slot) => slot.forwarded + slot.refused;
    own.set(times, [lasting(near.map((slot) => mean(slot.overhead_us, calls(slot))))], micros(mean(sum(near, (slot) => slot.overhead_us), sum(near, calls))));
    upstream.set(
      times,
      [lasting(near.map((slot) => mean(slot.upstream_us, slot.forwarded)))],
      micros(mean(sum(near, (slot) => slot.upstream_us), sum(near, (slot) => slot.forwarded))),
    );
    refill(rows, near.length > 0 && minutesOf(near));
  }

  return {
    nodes: [
      card(
        "Calls per second",
        { actions: spans, wide: true, name: "calls" },
        counts,
        rates.node,
        el("details", { data: { name: "rows" } }, el("summary", {}, "As a table, by minute"), rows),
      ),
      el(
        "div",
        { class: "grid" },
        card("Own overhead", { note: "Mean per call: what the gateway itself took" }, own.node),
        card("Upstream", { note: "Mean per forwarded call: until Heify's answer begins", name: "upstream-time" }, upstream.node),
      ),
    ],
    set(fresh) {
      slots = fresh;
      draw();
    },
  };
}

/** The same for those who read it, a row per minute, the latest first. */
function minutesOf(slots) {
  const minutes = new Map();
  for (const slot of slots) {
    const at = Math.floor(seconds(slot) / 60) * 60_000;
    minutes.set(at, [...(minutes.get(at) ?? []), slot]);
  }
  const columns = [
    { name: "From", cell: ([at]) => minute(at) },
    { name: "Passed", number: true, cell: ([, of]) => number(sum(of, passed)) },
    { name: "Refused", number: true, cell: ([, of]) => number(sum(of, (slot) => slot.refused)) },
    { name: "Failed", number: true, cell: ([, of]) => number(sum(of, (slot) => slot.upstream_errors)) },
    { name: "Own", number: true, cell: ([, of]) => micros(mean(sum(of, (slot) => slot.overhead_us), sum(of, (slot) => slot.forwarded + slot.refused))) },
    { name: "Upstream", number: true, cell: ([, of]) => micros(mean(sum(of, (slot) => slot.upstream_us), sum(of, (slot) => slot.forwarded))) },
  ];
  return table("Calls by minute", columns, [...minutes].reverse(), "tight");
}
