// Does a change in the browser change what the gateway does?
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { go, launch, loaded, signIn, visit } from "./browser.js";
import { OPERATOR, start, VIEWER } from "./world.js";

const ACME = "a-key-that-acme-has";
let world;
let browser;
before(async () => {
  [world, browser] = await Promise.all([start(), launch()]);
});
after(async () => {
  await browser?.close();
  await world?.stop();
});

const list = (key) => world.call("/list-configurations", key);

/** Takes the new key out of the dialog, and closes it. */
async function taken(page, id) {
  const value = await page.getByRole("textbox", { name: `The key ${id}` }).inputValue();
  assert.match(value, /^hgw_/);
  await page.getByRole("button", { name: "Copy" }).click();
  await page.getByRole("button", { name: "Copied" }).waitFor();
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), value);
  await page.getByRole("button", { name: "Done" }).click();
  await page.waitForFunction(() => !document.querySelector("dialog"));
  assert.ok(!(await page.content()).includes(value), "it is shown once");
  return value;
}

const row = (page, id) => page.getByRole("row").filter({ has: page.getByRole("rowheader", { name: id }) });

test("a key is issued, rotated and revoked, and each step holds at once", () =>
  visit(
    browser,
    world.admin,
    async (page, context) => {
      await context.grantPermissions(["clipboard-read", "clipboard-write"]);
      await signIn(page, world.admin, OPERATOR);
      await go(page, world.admin, "#/tenants/acme", "acme");
      await page.getByRole("button", { name: "Issue a key…" }).click();
      await page.getByLabel("Id", { exact: true }).fill("laptop");
      await page.getByLabel("Note").fill("of the night shift");
      await page.getByRole("button", { name: "Issue", exact: true }).click();
      const first = await taken(page, "laptop");
      assert.equal((await list(first)).status, 200);
      await row(page, "laptop").getByText("of the night shift").waitFor();

      await page.getByRole("button", { name: "Rotate the key laptop" }).click();
      await page.getByLabel("The old key goes on for").selectOption({ label: "One hour" });
      await page.getByRole("button", { name: "Rotate", exact: true }).click();
      const label = await page.getByRole("dialog").getByRole("textbox").getAttribute("id");
      const second = (await page.locator(`label[for="${label}"]`).textContent()).replace("The key ", "");
      const next = await taken(page, second);
      for (const key of [first, next]) assert.equal((await list(key)).status, 200);
      await row(page, "laptop").getByText("replaced", { exact: true }).waitFor();

      await page.getByRole("button", { name: `Revoke the key ${second}` }).click();
      await page.getByRole("button", { name: "Cancel" }).click();
      assert.equal((await list(next)).status, 200);
      // Whoever closes a dialog is where they were.
      assert.equal(await page.evaluate(() => document.activeElement.textContent), "Revoke…");
      await page.getByRole("button", { name: `Revoke the key ${second}` }).click();
      await page.getByRole("button", { name: "Revoke", exact: true }).click();
      await page.getByRole("status").getByText(`The key ${second} is revoked.`).waitFor();
      assert.equal((await list(next)).reason, "disabled_key");
      await row(page, second).getByText("revoked", { exact: true }).waitFor();
      assert.equal((await list(first)).status, 200);
    },
  ));

test("a mistake in a dialog is told there, and changes nothing", () =>
  visit(
    browser,
    world.admin,
    async (page) => {
      await signIn(page, world.admin, OPERATOR);
      await go(page, world.admin, "#/tenants/acme", "acme");
      await page.getByRole("button", { name: "Issue a key…" }).click();
      await page.getByLabel("Id", { exact: true }).fill("acme-file");
      await page.getByRole("button", { name: "Issue", exact: true }).click();
      await page.getByRole("dialog").getByRole("alert").getByText("gateway.toml").waitFor();
      await page.keyboard.press("Escape");
      await page.getByRole("dialog").waitFor({ state: "detached" });
    },
    { refusals: 1 },
  ));

test("a tenant is disabled and enabled", () =>
  visit(browser, world.admin, async (page) => {
    await signIn(page, world.admin, OPERATOR);
    await go(page, world.admin, "#/tenants/acme", "acme");
    await page.getByRole("button", { name: "Disable…" }).click();
    await page.getByLabel("Note").fill("invoice unpaid");
    await page.getByRole("button", { name: "Disable", exact: true }).click();
    await page.getByText("disabled", { exact: true }).first().waitFor();
    await page.getByText("(invoice unpaid)").waitFor();
    assert.equal((await list(ACME)).reason, "disabled_tenant");
    await page.getByRole("button", { name: "Enable…" }).click();
    await page.getByRole("button", { name: "Enable", exact: true }).click();
    await page.getByRole("button", { name: "Disable…" }).waitFor();
    assert.equal((await list(ACME)).status, 200);
  }));

test("minutes are granted and shown", () =>
  visit(browser, world.admin, async (page) => {
    await signIn(page, world.admin, OPERATOR);
    await go(page, world.admin, "#/tenants/acme", "acme");
    await page.locator('[data-value="minutes-left"]').getByText("600 min").waitFor();
    await page.getByRole("button", { name: "Grant minutes…" }).click();
    await page.getByRole("spinbutton", { name: "Minutes" }).fill("150");
    await page.getByLabel("Note").fill("order 4711");
    await page.getByRole("button", { name: "Grant", exact: true }).click();
    await page.locator('[data-value="minutes-left"]').getByText("750 min").waitFor();
    await page.getByText("600 min each month, 150 min granted on top").waitFor();
  }));

test("a limit is changed for a while, and ended", () =>
  visit(browser, world.admin, async (page) => {
    await signIn(page, world.admin, OPERATOR);
    await go(page, world.admin, "#/tenants/acme", "acme");
    await page.getByRole("button", { name: "Change: Objects: configuration" }).click();
    await page.getByLabel("At most").fill("0");
    await page.getByLabel("How long").selectOption({ label: "For one hour" });
    await page.getByRole("button", { name: "Change", exact: true }).click();
    const limit = row(page, "Objects: configuration");
    await limit.getByText(/changed until/).waitFor();
    const create = () => world.call("/create-configuration", ACME, { tag: "calls" });
    assert.equal((await create()).reason, "cap_reached");
    await page.getByRole("button", { name: "End the change: Objects: configuration" }).click();
    await page.getByRole("button", { name: "End the change", exact: true }).click();
    await limit.getByText("changed").waitFor({ state: "detached" });
    assert.equal((await create()).status, 201);
  }));

test("a call whose outcome nobody knows is found, and given back", () =>
  visit(browser, world.admin, async (page) => {
    await world.breakOff("/create-participant");
    const lost = await world.call("/create-participant", ACME, { tag: "Ada" });
    assert.equal(lost.reason, "outcome_unknown");
    await signIn(page, world.admin, OPERATOR);
    await page.getByText("1 call is not resolved").waitFor();
    await page.getByRole("link", { name: lost.request }).click();
    await page.getByRole("button", { name: "Release…" }).click();
    await page.getByRole("button", { name: "Release", exact: true }).click();
    await page.getByText("an operator gave it back").waitFor();
    assert.equal(await page.getByRole("button", { name: "Release…" }).count(), 0);
  }));

test("a viewer sees everything and is offered no change", () =>
  visit(browser, world.admin, async (page) => {
    await world.change("POST", "/keys", { tenant: "acme", id: "seen" });
    await signIn(page, world.admin, VIEWER);
    for (const [hash, title] of [
      ["#/tenants", "Tenants"],
      ["#/tenants/acme", "acme"],
    ]) {
      await go(page, world.admin, hash, title);
      await loaded(page);
    }
    await row(page, "seen").getByText("valid", { exact: true }).waitFor();
    const buttons = await page.locator("main").getByRole("button").allTextContents();
    assert.deepEqual(buttons, []);
  }));
