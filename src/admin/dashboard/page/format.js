// How are numbers and times written for people?
import { el, NOTHING } from "./dom.js";

const count = new Intl.NumberFormat("en-US");
const day = new Intl.DateTimeFormat("en-US", { year: "numeric", month: "short", day: "numeric" });
const clock = new Intl.DateTimeFormat("en-US", { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });

/** The API's texts are written for logs, too: here they are sentences. */
export function sentence(text) {
  const first = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(first) ? first : `${first}.`;
}

/** `1,234`, or a dash for nothing. */
export function number(value) {
  return value === null || value === undefined ? NOTHING : count.format(value);
}

/** Milliseconds of audio as minutes. */
export function minutes(millis) {
  if (millis === null || millis === undefined) return NOTHING;
  const exact = millis / 60_000;
  const digits = Number.isInteger(exact) || Math.abs(exact) >= 1000 ? 0 : 1;
  return `${exact.toLocaleString("en-US", { maximumFractionDigits: digits })} min`;
}

/** Microseconds in the unit that fits. */
export function micros(value) {
  if (value === null || value === undefined) return NOTHING;
  if (value < 1000) return `${Math.round(value)} µs`;
  if (value < 1_000_000) return `${short(value / 1000)} ms`;
  return `${short(value / 1_000_000)} s`;
}

/** Per second, with as many digits as say something. */
export function rate(value) {
  if (!value) return "0/s";
  return `${value < 1 ? value.toFixed(2).replace(/0$/, "") : short(value)}/s`;
}

function short(value) {
  return value < 10 ? value.toFixed(1).replace(/\.0$/, "") : count.format(Math.round(value));
}

/** Seconds as the largest units that say something: `3 h 20 min`. */
export function span(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min`;
  if (whole < 86_400) return pair(Math.floor(whole / 3600), "h", Math.floor((whole % 3600) / 60), "min");
  return pair(Math.floor(whole / 86_400), whole < 172_800 ? "day" : "days", Math.floor((whole % 86_400) / 3600), "h");
}

function pair(large, unit, small, other) {
  return small && large < 10 ? `${large} ${unit} ${small} ${other}` : `${large} ${unit}`;
}

/** `in 3 days`, or `3 days ago`. */
export function away(moment, now = Date.now()) {
  const seconds = (new Date(moment) - now) / 1000;
  return seconds >= 0 ? `in ${span(seconds)}` : `${span(-seconds)} ago`;
}

/** `Nov 24, 2026`. */
export function date(moment) {
  return day.format(new Date(moment));
}

/** `20:15:09`. */
export function hour(moment) {
  return clock.format(new Date(moment));
}

/** A moment as an element: near ones by their distance, the exact one on top of it. */
export function time(moment, shown) {
  if (!moment) return NOTHING;
  const text = shown ?? `${date(moment)}, ${hour(moment)}`;
  return el("time", { datetime: moment, title: moment }, text);
}

/** `20:15`. */
export function minute(moment) {
  return hour(moment).slice(0, 5);
}

/** Where something is set, without the folders: `gateway.toml:24:1`; all of it on top. */
export function place(at) {
  const short = at.split("/").at(-1);
  return el("span", { class: "mono", title: at === short ? null : at }, short);
}

/** What a limit is called. */
export function limitName(limit) {
  const [kind, of] = limit.split(/:(.*)/s);
  switch (kind) {
    case "access":
      return "Access";
    case "total":
      return "Total rate";
    case "minutes":
      return "Minutes per month";
    case "calls":
      return `Calls of ${of} per month`;
    case "objects":
      return `Objects: ${of}`;
    case "rate":
      return `Rate of ${of}`;
    default:
      return limit;
  }
}

/** What a limit says. */
export function limitValue(limit, value) {
  if (value === null || value === undefined) return "no limit";
  if (value === "off") return "not recorded";
  if (typeof value === "object") return `${number(value.per_minute)} per minute, ${number(value.burst)} at once`;
  if (typeof value === "string") return value;
  return limit === "minutes" ? `${number(value)} min` : number(value);
}
