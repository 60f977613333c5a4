// How does the gateway fare just now?
import { accountCard } from "./account.js";
import { get, part, query } from "./api.js";
import { attention } from "./attention.js";
import { meter } from "./chart.js";
import { card, el, empty, refill, table, waiting } from "./dom.js";
import { date, hour, micros, number, rate, span, time } from "./format.js";
import { traffic } from "./traffic.js";

const SOON = 5;
const LATER = 30;

/** The first page. */
export function overview(context) {
  const about = el("div", { class: "note" }, waiting());
  const needs = el("div", {});
  const tiles = el("dl", { class: "tiles" });
  const reasons = el("div", {});
  const callers = el("div", {});
  const endpoints = el("div", {});
  const account = el("div", {});
  const charts = traffic(context.signal);
  const pause = el("button", { type: "button", class: "quiet", "aria-pressed": "false" }, "Pause updates");
  pause.addEventListener("click", () => {
    context.paused = !context.paused;
    pause.setAttribute("aria-pressed", String(context.paused));
    if (!context.paused) context.reload();
  });

  context.every(SOON, async () => {
    const live = await get("/live", context.signal);
    charts.set(live.slots);
    refill(tiles, tilesOf(live));
    refill(reasons, reasonsOf(live));
    refill(callers, countsOf("Tenant", "Forwarded", live.tenants, (id) => el("a", { href: `#/tenants/${part(id)}` }, id)));
    refill(endpoints, countsOf("Endpoint", "Passed", live.endpoints, (path) => el("span", { class: "mono" }, path)));
  });
  context.every(LATER, async () => {
    const seen = await get("/overview", context.signal);
    const ifRecorded = async (path) => (seen.records ? get(path, context.signal) : null);
    const paths = ["/account", "/tenants", "/keys", "/unresolved"];
    const [shared, tenants, keys, unresolved] = await Promise.all(paths.map(ifRecorded));
    refill(about, aboutOf(seen));
    refill(needs, attention({ seen, account: shared, tenants, keys, unresolved }));
    refill(account, accountCard(shared));
  });

  const node = el(
    "div",
    { class: "page" },
    el("div", { class: "page-head" }, el("h1", { tabindex: -1 }, "Overview"), pause, about),
    needs,
    tiles,
    charts.nodes,
    el(
      "div",
      { class: "grid" },
      card("Refusals by reason", { note: "Since the gateway started" }, reasons),
      card("Tenants", { note: "Calls since the gateway started", name: "callers" }, callers),
      account,
      card("Endpoints", { note: "Calls since the gateway started", wide: true }, endpoints),
    ),
  );
  return { title: "Overview", node };
}

function aboutOf(seen) {
  const loaded = time(seen.config.loaded, `${date(seen.config.loaded)}, ${hour(seen.config.loaded)}`);
  return [
    `Version ${seen.version}, up ${span(seen.uptime_seconds)}, in front of `,
    el("span", { class: "mono" }, seen.upstream),
    `; configuration ${seen.config.version}, loaded `,
    loaded,
    ".",
  ];
}

function tilesOf(live) {
  const minute = live.slots.slice(-7);
  const sum = (of) => minute.reduce((all, slot) => all + of(slot), 0);
  const seconds = sum((slot) => slot.seconds) || 1;
  const refused = sum((slot) => slot.refused);
  const forwarded = sum((slot) => slot.forwarded);
  const failed = sum((slot) => slot.upstream_errors);
  const calls = refused + forwarded;
  const latency = (of) => `p95 ≤ ${micros(of.p95)} since the start`;
  const mean = (total, count) => micros(count ? total / count : null);
  return [
    tile("Calls", rate(calls / seconds), `${number(calls)} in the last minute`),
    tile("Refused", rate(refused / seconds), calls ? `${Math.round((refused / calls) * 100)}% of all calls` : "no calls", refused && "warn"),
    tile("Failed upstream", rate(failed / seconds), `${number(failed)} in the last minute`, failed && "bad"),
    tile("Own overhead", mean(sum((slot) => slot.overhead_us), calls), latency(live.latency_us.own)),
    tile("Upstream", mean(sum((slot) => slot.upstream_us), forwarded), latency(live.latency_us.upstream)),
  ];
}

function tile(name, value, text, tone) {
  return el("div", { class: `tile ${tone || ""}` }, el("dt", {}, name), el("dd", { class: "value" }, value), el("dd", { class: "note" }, text));
}

function reasonsOf(live) {
  const all = Object.entries(live.reasons).sort(([, one], [, other]) => other - one);
  if (!all.length) return empty("Nothing was refused", "A refused call shows here with its reason.");
  const most = all[0][1];
  const line = ([reason, count]) =>
    el(
      "li",
      {},
      el("a", { href: `#/refusals${query({ reason })}`, class: "mono", data: { name: reason } }, reason),
      el("b", {}, number(count)),
      meter([{ share: count / most, color: "refused" }], `${number(count)} refused: ${reason}`),
    );
  return el("ul", { class: "ranks" }, all.map(line));
}

function countsOf(name, passed, counts, shown) {
  const all = Object.entries(counts).sort(([, one], [, other]) => other.forwarded + other.refused - one.forwarded - one.refused);
  if (!all.length) return empty("No calls yet", "Call the gateway with a tenant's key, and they show here.");
  const columns = [
    { name, cell: ([id]) => shown(id) },
    { name: passed, number: true, cell: ([, one]) => number(one.forwarded) },
    { name: "Refused, failed", number: true, cell: ([, one]) => number(one.refused) },
  ];
  return table(`Calls by ${name.toLowerCase()}`, columns, all.slice(0, 12), "tight");
}
