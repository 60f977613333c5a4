// What does the gateway say?
import { sentence } from "./format.js";

/** An answer that says no, or none at all (status 0). */
export class Problem extends Error {
  constructor(status, message, wait) {
    super(message);
    this.status = status;
    this.wait = wait;
  }
}

async function ask(method, path, body, signal) {
  const request = { method, signal, headers: {}, credentials: "same-origin", cache: "no-store" };
  if (body !== undefined) {
    request.body = JSON.stringify(body);
    request.headers["content-type"] = "application/json";
  }
  let answer;
  let said;
  try {
    answer = await fetch(`/admin/v1${path}`, request);
    said = await answer.json();
  } catch (error) {
    if (error.name === "AbortError") throw error;
    if (!answer) throw new Problem(0, "The gateway does not answer. Is it running, and can this machine reach it?");
    throw new Problem(answer.status, `The gateway answered with ${answer.status}, and not in JSON.`);
  }
  if (answer.ok) return said;
  const wait = Number(answer.headers.get("retry-after")) || null;
  const message = said?.error?.message ?? `The gateway answered with ${answer.status}.`;
  throw new Problem(answer.status, sentence(message), wait);
}

/** A part of a path: ids may hold anything. */
export const part = encodeURIComponent;

export const get = (path, signal) => ask("GET", path, undefined, signal);
export const post = (path, body = {}) => ask("POST", path, body);
export const put = (path, body) => ask("PUT", path, body);
export const remove = (path) => ask("DELETE", path);

/** A query of those that are given. */
export function query(given) {
  const kept = Object.entries(given).filter(([, value]) => value);
  return kept.length ? `?${new URLSearchParams(kept)}` : "";
}
