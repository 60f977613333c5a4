// What runs while a browser is tried: a simulated Heify, a gateway in front of it, and calls.
import { spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

const BINARY = process.env.HEIFY_GATEWAY_BINARY ?? new URL("../../target/debug/heify-gateway", import.meta.url).pathname;
const TOKEN = "the-token-of-the-simulator";
const CENTRAL = "the-central-key-of-the-test";
export const OPERATOR = "the-token-of-an-operator";
export const VIEWER = "the-token-of-a-viewer";
/** Words that must stay words: markup, a line break, and characters that turn the text around. */
export const HOSTILE = '<script>document.title="owned"</script>\n<img src=x onerror=alert(1)> \u202egnp.exe';
/** Longer than anything takes on a busy machine. */
const PATIENCE = 60_000;

/** A running process; `line(form)` waits for a line of its output. */
function run(args) {
  const child = spawn(BINARY, args, { stdio: ["ignore", "pipe", "inherit"], env: {} });
  const seen = [];
  const waiting = new Set();
  const look = () => waiting.forEach((check) => check());
  createInterface({ input: child.stdout }).on("line", (line) => {
    seen.push(line);
    look();
  });
  const ended = new Promise((done) => child.on("exit", done));
  return {
    line: (form) =>
      new Promise((found, failed) => {
        const timer = setTimeout(() => failed(new Error(`no line like ${form}: ${seen.join("\n")}`)), PATIENCE);
        const check = () => {
          const line = seen.find((one) => form.test(one));
          if (line === undefined) return;
          clearTimeout(timer);
          waiting.delete(check);
          found(line);
        };
        waiting.add(check);
        check();
      }),
    end: async () => {
      child.kill("SIGTERM");
      await ended;
    },
  };
}

const text = JSON.stringify; // A string of JSON is one of TOML, too.

function configuration(heify, more) {
  return `
[server]
listen = "127.0.0.1:0"
[status]
listen = "127.0.0.1:0"
[admin]
listen = "127.0.0.1:0"
token = "${OPERATOR}"
[[admin.tokens]]
name = "eye"
token = "${VIEWER}"
[upstream]
url = "${heify}"
api_key = "${CENTRAL}"
[account]
pace = "off"
minutes = { monthly = 10_000 }
[records]
url = "sqlite:gateway.db"
[[tenants]]
id = "acme"
label = "Support calls"
keys = [{ id = "acme-file", key = "a-key-that-acme-has" }]
minutes = { monthly = 600 }
rate = { "/list-configurations" = { per_minute = 6000, burst = 100 } }
[[tenants]]
id = "hostile"
label = ${text(HOSTILE.replaceAll("\n", " "))}
keys = [{ key = "a-key-that-the-hostile-has" }]
${more}`;
}

/** Starts all of it. `stop` ends it and removes its files. */
export async function start(more = "") {
  const folder = await mkdtemp(join(tmpdir(), "heify-gateway-"));
  const simulator = run(["simulator", "--listen", "127.0.0.1:0", "--rates", "off", "--key", CENTRAL, "--token", TOKEN, "--processing", "1ms"]);
  const heify = (await simulator.line(/^url=/)).slice("url=".length);
  const file = join(folder, "gateway.toml");
  await writeFile(file, configuration(heify, more));
  const gateway = run(["serve", "-c", file, "--log-format", "json"]);
  const ready = JSON.parse(await gateway.line(/gateway ready/));
  const world = { api: `http://${ready.listen}`, admin: `http://${ready.admin}` };
  world.stop = async () => {
    await gateway.end();
    await simulator.end();
    await rm(folder, { recursive: true });
  };
  /** A call of a team: the status, the headers and the body. */
  world.call = async (path, key, body = {}) => {
    const headers = { "x-api-key": key, "content-type": "application/json" };
    const answer = await fetch(world.api + path, { method: "POST", headers, body: JSON.stringify(body) });
    return { status: answer.status, reason: answer.headers.get("x-gateway-reason"), request: answer.headers.get("x-request-id"), body: await answer.json() };
  };
  /** The next call of an endpoint is done, and its answer is lost. */
  world.breakOff = async (endpoint) => {
    const headers = { "x-simulator-token": TOKEN };
    const body = JSON.stringify({ endpoint, fault: { kind: "close" } });
    const answer = await fetch(`${heify}/_simulator/faults`, { method: "POST", headers, body });
    if (!answer.ok) throw new Error(await answer.text());
  };
  /** A change by the admin API. */
  world.change = async (method, path, body) => {
    const headers = { authorization: `Bearer ${OPERATOR}`, "content-type": "application/json" };
    const answer = await fetch(`${world.admin}/admin/v1${path}`, { method, headers, body: body && JSON.stringify(body) });
    const said = await answer.json();
    if (!answer.ok) throw new Error(`${method} ${path}: ${JSON.stringify(said)}`);
    return said;
  };
  return world;
}
