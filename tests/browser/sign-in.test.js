// Who gets in, with what, and how does it end?
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { go, heading, launch, signIn, visit } from "./browser.js";
import { OPERATOR, start, VIEWER } from "./world.js";

let world;
let browser;
before(async () => {
  [world, browser] = await Promise.all([start(), launch()]);
});
after(async () => {
  await browser?.close();
  await world?.stop();
});

test("a wrong token is told, and the right one signs in", () =>
  visit(
    browser,
    world.admin,
    async (page, context) => {
      await page.goto(`${world.admin}/`);
      await page.getByLabel("Admin token").fill("a-token-of-nobody-at-all");
      await page.getByRole("button", { name: "Sign in" }).click();
      await page.getByRole("alert").getByText("This token is not known.").waitFor();
      await page.getByLabel("Admin token").fill(OPERATOR);
      await page.getByRole("button", { name: "Sign in" }).click();
      await heading(page, "Overview");
      assert.equal(await page.locator("#who").textContent(), "admin · operator");
      const [cookie] = await context.cookies();
      assert.deepEqual([cookie.httpOnly, cookie.sameSite], [true, "Strict"]);
      assert.ok(!(await page.evaluate(() => document.cookie + JSON.stringify(localStorage))).includes(OPERATOR));
    },
    { refusals: 1 },
  ));

test("the keyboard alone signs in, goes to a tenant, and finds each step visible", () =>
  visit(browser, world.admin, async (page) => {
    await page.goto(`${world.admin}/`);
    await page.getByLabel("Admin token").waitFor();
    const focused = () =>
      page.evaluate(() => {
        const { outlineStyle, outlineWidth } = getComputedStyle(document.activeElement);
        return { text: document.activeElement.textContent, ring: outlineStyle !== "none" && outlineWidth !== "0px" };
      });
    assert.equal(await page.evaluate(() => document.activeElement.id), "token");
    await page.keyboard.type(VIEWER);
    await page.keyboard.press("Enter");
    await heading(page, "Overview");
    const walk = async (key, wanted) => {
      for (let steps = 0; ; steps += 1) {
        assert.ok(steps < 60, `no way to ${wanted}`);
        await page.keyboard.press(key);
        const { text, ring } = await focused();
        assert.ok(ring || text === "", text);
        if (text === wanted) return;
      }
    };
    await walk("Shift+Tab", "Skip to the content");
    await page.keyboard.press("Enter");
    assert.equal(await page.evaluate(() => document.activeElement.id), "main");
    await walk("Shift+Tab", "Tenants");
    await page.keyboard.press("Enter");
    await heading(page, "Tenants");
    await page.getByRole("link", { name: "acme" }).waitFor();
    await walk("Tab", "acme");
    await page.keyboard.press("Enter");
    await heading(page, "acme");
  }));

test("a session that has ended leads to the sign-in, and from there back", () =>
  visit(
    browser,
    world.admin,
    async (page, context) => {
      await signIn(page, world.admin, OPERATOR);
      await go(page, world.admin, "#/tenants", "Tenants");
      await context.clearCookies();
      await page.getByRole("link", { name: "acme" }).click();
      await page.getByText("Your session has ended. Sign in again").waitFor();
      await page.getByLabel("Admin token").fill(OPERATOR);
      await page.keyboard.press("Enter");
      await heading(page, "acme");
    },
    // The page of a tenant asks for two things at once; the second may not come to an answer.
    { refusals: [1, 2] },
  ));

test("who signs out is out", () =>
  visit(browser, world.admin, async (page, context) => {
    await signIn(page, world.admin, OPERATOR);
    const [{ value }] = await context.cookies();
    await page.getByRole("button", { name: "Sign out" }).click();
    await heading(page, "Sign in");
    const headers = { cookie: `heify_gateway_session=${value}` };
    assert.equal((await fetch(`${world.admin}/admin/v1/tenants`, { headers })).status, 401);
    await page.reload();
    await heading(page, "Sign in");
  }));

test("a gateway that is away is told, and is found again", async () => {
  let stopped = false;
  await visit(
    browser,
    world.admin,
    async (page) => {
      await page.clock.install();
      await signIn(page, world.admin, OPERATOR);
      await go(page, world.admin, "#/refusals", "Recent refusals");
      await page.getByText("Nothing was refused").waitFor();
      await page.route("**/admin/v1/**", (route) => (stopped ? route.fulfill({ status: 503, body: "" }) : route.continue()));
      stopped = true;
      await page.clock.runFor(11_000);
      await page.getByRole("alert").getByText("It is tried again every 10 seconds.").waitFor();
      stopped = false;
      await page.clock.runFor(11_000);
      await page.getByRole("alert").waitFor({ state: "detached" });
    },
    { tolerated: /status of 503/ },
  );
});

// The last one: it uses up the attempts of this address.
test("who guesses is told to wait, and the holder of a token is not kept out", () =>
  visit(
    browser,
    world.admin,
    async (page) => {
      await page.goto(`${world.admin}/`);
      const wrong = { token: "a-guess-of-a-token" };
      for (let status = 0; status !== 429; ) {
        const body = JSON.stringify(wrong);
        const headers = { "content-type": "application/json" };
        status = (await fetch(`${world.admin}/admin/v1/session`, { method: "POST", headers, body })).status;
      }
      await page.getByLabel("Admin token").fill(wrong.token);
      await page.keyboard.press("Enter");
      await page.getByRole("alert").getByText(/Too many wrong tokens came from your address. Wait \d+ seconds/).waitFor();
      await page.getByLabel("Admin token").fill(VIEWER);
      await page.keyboard.press("Enter");
      await heading(page, "Overview");
    },
    { refusals: 1 },
  ));
