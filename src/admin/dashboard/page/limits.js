// Which limits has a tenant, what is used of them, and how are they changed for a while?
import { share } from "./account.js";
import { part, put, query, remove } from "./api.js";
import { ask, field, select } from "./dialog.js";
import { badge, card, el, table } from "./dom.js";
import { away, date, limitName, limitValue, minutes, number, place, time } from "./format.js";

const UNTIL = [
  ["1h", "For one hour"],
  ["8h", "For eight hours"],
  ["24h", "For one day"],
  ["7d", "For one week"],
  ["30d", "For 30 days"],
  ["at", "Until a date…"],
  ["", "Without an end"],
];

/** What is used of each limit that is counted over time. */
function used(limit, usage) {
  const [kind, of] = limit.split(/:(.*)/s);
  if (kind === "calls") return usage.calls.find((one) => one.endpoint === of);
  if (kind === "objects") return usage.objects.find((one) => one.kind === of);
  if (kind !== "minutes" || !usage.minutes) return null;
  const { used: booked, reserved, left } = usage.minutes;
  return { used: booked, reserved, left, limit: left === null ? null : booked + reserved + left };
}

/** All limits of a tenant but the switch. */
export function limitsCard(tenant, limits, usage, context) {
  const line = (one) => ({ ...one, ...counted(one.limit, usage) });
  const lines = limits.filter((one) => one.limit !== "access").map(line);
  const isRate = (one) => one.limit.startsWith("rate:");
  const shown = lines.filter((one) => !isRate(one) || one.changed);
  const rates = lines.filter((one) => isRate(one) && !one.changed);
  const month = usage.month;
  return card(
    "Limits",
    { note: ["The month from ", time(month.start, date(month.start)), " to ", time(month.end, date(month.end)), `, ${month.zone}`], wide: true },
    table(`Limits of ${tenant}`, columns(tenant, context, true), shown),
    rates.length > 0 &&
      el(
        "details",
        { data: { name: "rates" } },
        el("summary", {}, `Rates of single endpoints (${rates.length})`),
        table(`Rates of ${tenant} by endpoint`, columns(tenant, context, false), rates),
      ),
  );
}

function counted(limit, usage) {
  const found = used(limit, usage);
  return { used: found?.used ?? null, reserved: found?.reserved ?? null, left: found?.left ?? null, most: found?.limit ?? null };
}

function columns(tenant, context, withUsage) {
  const amount = (one) => (one.limit === "minutes" ? minutes : number);
  const cells = [
    { name: "Limit", cell: (one) => limitName(one.limit) },
    { name: "Value", cell: (one) => [limitValue(one.limit, one.value), one.changed && changed(one)] },
  ];
  if (withUsage) {
    cells.push(
      { name: "Used", number: true, cell: (one) => amount(one)(one.used) },
      { name: "Reserved", number: true, cell: (one) => amount(one)(one.reserved) },
      { name: "Left", number: true, cell: (one) => amount(one)(one.left) },
      { name: "Share", cell: (one) => share({ ...one, limit: one.most, shown: amount(one) }) },
    );
  }
  cells.push({ name: "Set in", cell: (one) => (one.set_at ? place(one.set_at) : "default") });
  if (context.canChange) cells.push({ name: "Change", cell: (one) => buttons(tenant, one, context) });
  return cells;
}

function changed({ changed: change, configured, limit }) {
  const until = change.until ? [" until ", time(change.until, `${date(change.until)} (${away(change.until)})`)] : " without an end";
  return el(
    "span",
    { class: "sub" },
    badge("changed", "info"),
    until,
    `; configured: ${limitValue(limit, configured)}`,
    change.note && `; ${change.note}`,
  );
}

function buttons(tenant, one, context) {
  const name = limitName(one.limit);
  const button = (text, label, act) =>
    el("button", { type: "button", "aria-label": label, data: { name: `${text}-${one.limit}` }, on: { click: act } }, text);
  return el(
    "span",
    { class: "buttons" },
    button("Change…", `Change: ${name}`, () => change(tenant, one, context)),
    one.changed && button("End…", `End the change: ${name}`, () => lift(tenant, one.limit, context)),
  );
}

function whenField() {
  const choice = select("until", UNTIL, "8h");
  const at = el("input", { name: "at", type: "datetime-local" });
  const day = field("Until", at);
  day.hidden = true;
  choice.addEventListener("change", () => {
    day.hidden = choice.value !== "at";
    at.required = choice.value === "at";
  });
  return [field("How long", choice, "What the configuration file sets can be changed for a while only."), day];
}

function until({ until: choice, at }) {
  if (choice !== "at") return choice || undefined;
  return new Date(at).toISOString();
}

function valueFields(one) {
  const amount = (name, value) => el("input", { name, type: "number", min: "0", step: "1", required: true, value, inputmode: "numeric" });
  if (one.limit === "total" || one.limit.startsWith("rate:")) {
    const burst = amount("burst", one.value?.burst);
    burst.required = false;
    return [field("Calls per minute", amount("per_minute", one.value?.per_minute)), field("At once", burst, "Without it: what suits the rate.")];
  }
  const value = typeof one.value === "number" ? one.value : "";
  return [field(one.limit === "minutes" ? "Minutes per month" : "At most", amount("most", value))];
}

function valueOf(form) {
  if (form.per_minute === undefined) return Number(form.most);
  const burst = form.burst ? { burst: Number(form.burst) } : {};
  return { per_minute: Number(form.per_minute), ...burst };
}

function change(tenant, one, context) {
  const note = el("input", { name: "note", type: "text", maxlength: "500", autocomplete: "off" });
  ask({
    title: `${limitName(one.limit)}, for ${tenant}`,
    text: `Now: ${limitValue(one.limit, one.value)}. What was used stays used.`,
    fields: [valueFields(one), whenField(), field("Note", note, "Why, for the audit log.")],
    action: "Change",
    act: async (form) => {
      const body = { limit: one.limit, value: valueOf(form), until: until(form), note: form.note };
      const { changed: now } = await put(`/tenants/${part(tenant)}/limits`, body);
      return `${limitName(one.limit)}: ${limitValue(one.limit, now.value)}, at once.`;
    },
    done: context.reload,
  });
}

function lift(tenant, limit, context) {
  ask({
    title: `End the change of ${limitName(limit)}?`,
    text: `For ${tenant} holds again what the configuration says, at once.`,
    action: "End the change",
    act: async () => {
      await remove(`/tenants/${part(tenant)}/limits${query({ limit })}`);
      return `${limitName(limit)} is again what the configuration says.`;
    },
    done: context.reload,
  });
}

/** The switch of a tenant: off for a while or until it is switched on again. */
export function accessButton(tenant, access, context) {
  if (!context.canChange) return null;
  const button = (text, act, danger) => el("button", { type: "button", class: danger && "danger-quiet", data: { name: "access" }, on: { click: act } }, text);
  if (access.changed) return button("Enable…", () => enable(tenant, context));
  if (access.value === "disabled") return el("span", { class: "note" }, "Disabled in the file", access.set_at && [", at ", place(access.set_at)]);
  return button("Disable…", () => disable(tenant, context), true);
}

function disable(tenant, context) {
  const note = el("input", { name: "note", type: "text", maxlength: "500", autocomplete: "off" });
  const choice = select("until", [["", "Until it is enabled again"], ...UNTIL.filter(([key]) => key && key !== "at")], "");
  ask({
    title: `Disable ${tenant}?`,
    text: "Every call of this tenant is refused with 403 from now on. Its keys, objects and minutes stay.",
    fields: [field("How long", choice), field("Note", note, "Why, for the audit log.")],
    action: "Disable",
    danger: true,
    act: async (form) => {
      const body = { limit: "access", value: "disabled", until: form.until || undefined, note: form.note };
      await put(`/tenants/${part(tenant)}/limits`, body);
      return `${tenant} is disabled.`;
    },
    done: context.reload,
  });
}

function enable(tenant, context) {
  ask({
    title: `Enable ${tenant} again?`,
    text: "Its calls are forwarded again, at once.",
    action: "Enable",
    act: async () => {
      await remove(`/tenants/${part(tenant)}/limits${query({ limit: "access" })}`);
      return `${tenant} is enabled.`;
    },
    done: context.reload,
  });
}
