// How is a page opened, and what must no page do?
import assert from "node:assert/strict";
import { chromium } from "playwright-core";
import axe from "axe-core";

const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
/** A refused call is an error in the browser's console, too: those are meant. */
const REFUSED = /^Failed to load resource: the server responded with a status of 4\d\d/;

export function launch() {
  const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
  return chromium.launch({ executablePath, args: FLAGS });
}

/**
 * Opens a page of the dashboard, and closes it after `act`. Whatever `act` looks at: no page may
 * complain, break its policy, or ask anybody but its own origin.
 */
export async function visit(browser, origin, act, { refusals = 0, tolerated, ...options } = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  context.setDefaultTimeout(30_000);
  await context.addInitScript(() => {
    addEventListener("securitypolicyviolation", (event) => console.error(`policy: ${event.violatedDirective} ${event.blockedURI}`));
  });
  const page = await context.newPage();
  const complaints = [];
  let refused = 0;
  page.on("console", (message) => {
    if (REFUSED.test(message.text())) refused += 1;
    else if (tolerated?.test(message.text())) return;
    else if (["error", "warning"].includes(message.type())) complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(error.stack));
  page.on("dialog", (dialog) => {
    complaints.push(`a dialog of a script: ${dialog.message()}`);
    dialog.dismiss();
  });
  const elsewhere = [];
  context.on("request", (request) => {
    if (new URL(request.url()).origin !== origin) elsewhere.push(request.url());
  });
  try {
    await act(page, context);
    assert.deepEqual(complaints, []);
    assert.deepEqual(elsewhere, []);
    assert.ok([refusals].flat().includes(refused), `${refused} refused requests`);
  } finally {
    await context.close();
  }
}

/** Signs in with a token, and waits for the first page. */
export async function signIn(page, origin, token) {
  await page.goto(`${origin}/`);
  await page.getByLabel("Admin token").fill(token);
  await page.getByRole("button", { name: "Sign in" }).click();
  await heading(page, "Overview");
}

/** Goes to a page of the dashboard. */
export async function go(page, origin, hash, title) {
  await page.goto(`${origin}/${hash}`);
  await heading(page, title);
}

export async function heading(page, title) {
  await page.getByRole("heading", { name: title, level: 1, exact: true }).waitFor();
}

/** Everything that was asked for has arrived. */
export async function loaded(page) {
  await page.waitForFunction(() => !document.querySelector("main").textContent.includes("Loading…"));
}

/** What axe finds wrong, one line each. */
export async function violations(page) {
  await page.evaluate(axe.source);
  const found = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
  return found.violations.flatMap((one) => one.nodes.map((node) => `${one.id}: ${node.html} ${node.failureSummary}`));
}

/** How many pixels the page is wider than the window. */
export function overflow(page) {
  return page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
}
