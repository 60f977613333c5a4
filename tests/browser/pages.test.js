// Does each page show what happens, to everybody, and nothing else?
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { go, launch, loaded, overflow, signIn, violations, visit } from "./browser.js";
import { HOSTILE, OPERATOR, start } from "./world.js";

const ACME = "a-key-that-acme-has";
const HOSTILE_KEY = "a-key-that-the-hostile-has";
const DESKTOP = { width: 1280, height: 900 };
const PHONE = { width: 390, height: 844 };
let world;
let browser;
let refused;
before(async () => {
  [world, browser] = await Promise.all([start(), launch()]);
  const made = await world.call("/create-configuration", ACME, { tag: "calls" });
  const job = { configuration_id: made.body.data.configuration_id, url: "https://example.com/call.mp3" };
  for (let sent = 0; sent < 3; sent += 1) assert.equal((await world.call("/submit", ACME, job)).status, 201);
  refused = (await world.call("/submit", ACME, {})).request;
  await world.call("/submit", "a-key-that-nobody-has");
  await world.change("POST", "/keys", { tenant: "acme", id: "soon", note: HOSTILE.replaceAll("\n", " "), expires: "3d" });
  await world.change("PUT", "/tenants/acme/limits", { limit: "total", value: { per_minute: 6000 }, until: "8h" });
});
after(async () => {
  await browser?.close();
  await world?.stop();
});

const PAGES = () => [
  ["#/", "Overview"],
  ["#/tenants", "Tenants"],
  ["#/tenants/acme", "acme"],
  ["#/tenants/hostile", "hostile"],
  ["#/refusals", "Recent refusals"],
  [`#/requests/${refused}`, refused],
  ["#/requests/nobody-sent-this", "nobody-sent-this"],
];

test("the chart shows what was sent", () =>
  visit(browser, world.admin, async (page) => {
    await signIn(page, world.admin, OPERATOR);
    const value = (name) => page.locator(`[data-value="${name}"]`);
    const until = async (name, wanted) => {
      await page.waitForFunction(([at, text]) => document.querySelector(`[data-value="${at}"]`)?.textContent === text, [name, String(wanted)]);
    };
    await value("passed").waitFor();
    const number = async (name) => Number(await value(name).textContent());
    const [passed, before] = [await number("passed"), await number("refused")];
    for (let sent = 0; sent < 7; sent += 1) assert.equal((await world.call("/list-configurations", ACME)).status, 200);
    for (let sent = 0; sent < 2; sent += 1) assert.equal((await world.call("/submit", HOSTILE_KEY)).status, 400);
    await until("passed", passed + 7);
    await until("refused", before + 2);
    // The same in the table, and something of its color on the canvas.
    await page.getByText("As a table, by minute").click();
    const sum = (column) =>
      page.evaluate((at) => {
        const cells = document.querySelectorAll(`.scroll tbody td:nth-child(${at})`);
        return [...cells].reduce((all, cell) => all + Number(cell.textContent), 0);
      }, column);
    assert.deepEqual([await sum(2), await sum(3), await sum(4)], [passed + 7, before + 2, 0]);
    const drawn = await page.locator("canvas").first().evaluate((canvas) => {
      const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
      let blue = 0;
      for (let at = 0; at < data.length; at += 4) if (data[at + 3] > 200 && data[at + 2] > data[at] + 100) blue += 1;
      return blue;
    });
    assert.ok(drawn > 8, `${drawn} blue pixels`);
    const label = await page.getByRole("img", { name: /^Calls per second/ }).getAttribute("aria-label");
    assert.equal(label, `Calls per second: ${passed + 7} passed, ${before + 2} refused, 0 failed`);
  }));

test("an update that is paused waits", () =>
  visit(browser, world.admin, async (page) => {
    let asked = 0;
    page.on("request", (request) => (asked += request.url().endsWith("/live")));
    await page.clock.install();
    await signIn(page, world.admin, OPERATOR);
    await page.locator('[data-value="passed"]').waitFor();
    // As time goes by, it asks again.
    const again = page.waitForResponse(/live$/);
    await page.clock.runFor(10_000);
    await again;
    await page.getByRole("button", { name: "Pause updates" }).click();
    await page.getByRole("button", { name: "Pause updates", pressed: true }).waitFor();
    await page.clock.runFor(10_000);
    const before = asked;
    await page.clock.runFor(60_000);
    assert.equal(asked, before);
    const resumed = page.waitForResponse(/live$/);
    await page.getByRole("button", { name: "Pause updates" }).click();
    await resumed;
  }));

test("refusals are filtered, opened and explained, and a request id is found", () =>
  visit(browser, world.admin, async (page) => {
    await signIn(page, world.admin, OPERATOR);
    await go(page, world.admin, "#/refusals", "Recent refusals");
    await page.getByLabel("Reason").selectOption("unknown_key");
    await page.getByText("1 found").waitFor();
    assert.equal(await page.locator(".incident").count(), 1);
    await page.getByLabel("Tenant").selectOption("acme");
    await page.getByText("Nothing like this was refused").waitFor();
    await page.getByRole("link", { name: "Show all refusals" }).click();
    await page.waitForFunction(() => document.getElementById("of-tenant").value === "");
    await page.getByLabel("Tenant").selectOption("acme");
    await page.locator(".incident summary").first().click();
    await page.getByText("Missing required field: configuration_id").first().waitFor();
    await page.getByRole("searchbox", { name: "Request id" }).fill(refused);
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "Refused with 400" }).waitFor();
    await page.getByText("decided before anything was sent upstream").waitFor();
  }));

test("hostile words stay words", () =>
  visit(browser, world.admin, async (page) => {
    await signIn(page, world.admin, OPERATOR);
    for (const [hash, title] of PAGES()) {
      await go(page, world.admin, hash, title);
      await loaded(page);
      assert.equal(await page.locator('main script, main img, [onerror], [src="x"]').count(), 0);
      assert.notEqual(await page.title(), "owned");
    }
    await go(page, world.admin, "#/tenants/hostile", "hostile");
    await page.getByText('<script>document.title="owned"</script>').waitFor();
    // What would turn the text around is made visible.
    assert.ok(!(await page.locator("main").textContent()).includes("\u202e"));
    const name = encodeURIComponent(HOSTILE);
    await page.goto(`${world.admin}/#/requests/${name}`);
    await page.getByRole("heading", { name: "Nothing is kept of it" }).waitFor();
    assert.notEqual(await page.title(), "owned");
  }));

for (const colorScheme of ["light", "dark"]) {
  for (const [kind, viewport] of [
    ["desktop", DESKTOP],
    ["phone", PHONE],
  ]) {
    test(`no page has a barrier or is too wide: ${colorScheme}, ${kind}`, () =>
      visit(
        browser,
        world.admin,
        async (page) => {
          await page.goto(`${world.admin}/`);
          await page.getByLabel("Admin token").waitFor();
          assert.deepEqual(await violations(page), []);
          await signIn(page, world.admin, OPERATOR);
          for (const [hash, title] of PAGES()) {
            await go(page, world.admin, hash, title);
            await loaded(page);
            if (title === "Overview") await page.getByRole("heading", { name: "Account" }).waitFor();
            await page.evaluate(() => document.querySelectorAll("main details").forEach((details) => (details.open = true)));
            assert.deepEqual(await violations(page), [], hash);
            assert.equal(await overflow(page), 0, hash);
          }
          await go(page, world.admin, "#/tenants/acme", "acme");
          for (const name of ["Issue a key…", "Grant minutes…", "Change: Total rate", "Disable…"]) {
            await page.getByRole("button", { name, exact: true }).click();
            await page.getByRole("dialog").waitFor();
            assert.deepEqual(await violations(page), [], name);
            await page.keyboard.press("Escape");
            await page.getByRole("dialog").waitFor({ state: "detached" });
          }
        },
        { colorScheme, viewport },
      ));
  }
}

test("the theme that was chosen stays", () =>
  visit(browser, world.admin, async (page) => {
    await signIn(page, world.admin, OPERATOR);
    const background = () => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
    const light = await background();
    await page.getByRole("button", { name: "Theme: system" }).click();
    await page.getByRole("button", { name: "Theme: light" }).click();
    await page.getByRole("button", { name: "Theme: dark" }).waitFor();
    const dark = await background();
    assert.notEqual(dark, light);
    await page.reload();
    await page.getByRole("button", { name: "Theme: dark" }).waitFor();
    assert.equal(await background(), dark);
  }));

test("what is not there is told, with what to do", () =>
  visit(
    browser,
    world.admin,
    async (page) => {
      await signIn(page, world.admin, OPERATOR);
      await go(page, world.admin, "#/tenants/acmee", "acmee");
      await page.getByRole("alert").getByText('did you mean "acme"?').waitFor();
      await page.getByText("Loading…").waitFor({ state: "detached" });
      await go(page, world.admin, "#/nowhere", "There is no such page");
      await page.getByRole("link", { name: "Go to the overview" }).click();
      await page.getByRole("heading", { name: "Overview", level: 1 }).waitFor();
    },
    { refusals: 1 },
  ));
