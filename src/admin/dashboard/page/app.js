// Which page is shown, to whom, and how does it stay fresh?
import { get, part, Problem, remove } from "./api.js";
import { el, plain, refill, say } from "./dom.js";
import { overview } from "./overview.js";
import { refusals } from "./refusals.js";
import { request } from "./request.js";
import { signIn } from "./sign-in.js";
import { tenant } from "./tenant.js";
import { tenants } from "./tenants.js";

const PAGES = [
  [/^\/?$/, overview, "#/"],
  [/^\/tenants$/, tenants, "#/tenants"],
  [/^\/tenants\/([^/]+)$/, tenant, "#/tenants"],
  [/^\/refusals$/, refusals, "#/refusals"],
  [/^\/requests\/([^/]+)$/, request, "#/refusals"],
];
// Says only that somebody was signed in: the session itself is a cookie that no script can read.
const MARK = "signed-in";

const main = document.getElementById("main");
const byId = (id) => document.getElementById(id);
let session = null;
let leaving = null;

function remember(signedIn) {
  try {
    if (signedIn) localStorage.setItem(MARK, "yes");
    else localStorage.removeItem(MARK);
  } catch {
    // Then it is asked for each time.
  }
}

function remembered() {
  try {
    return localStorage.getItem(MARK) === "yes";
  } catch {
    return true;
  }
}

/** Shows who is signed in, and what that allows. */
function dress() {
  for (const id of ["nav", "search", "who", "sign-out"]) byId(id).hidden = !session;
  byId("who").textContent = session ? plain(`${session.name} · ${session.role}`) : "";
}

function leave() {
  leaving?.abort();
  leaving = new AbortController();
  for (const dialog of document.querySelectorAll("dialog")) dialog.remove();
  return leaving.signal;
}

/** Asks for a token; afterwards the page that was asked for is shown. */
function askToSignIn(message) {
  session = null;
  remember(false);
  dress();
  leave();
  document.title = "Sign in · heify-gateway";
  main.replaceChildren(
    signIn(message, (who) => {
      session = who;
      remember(true);
      dress();
      show();
    }),
  );
  main.querySelector("input").focus();
}

/** What a page may do: load again and again, say that something failed, tell the role. */
function contextOf(signal, banner) {
  const context = { signal, canChange: session.role === "operator", reload: () => {} };
  const failed = (error, place, again) => {
    if (error.name === "AbortError" || signal.aborted) return;
    if (error instanceof Problem && error.status === 401) {
      askToSignIn("Your session has ended. Sign in again, and you are back where you were.");
      return;
    }
    if (!(error instanceof Problem)) console.error(error);
    for (const waiting of main.querySelectorAll(".waiting")) waiting.remove();
    const text = error instanceof Problem ? error.message : "This page has failed. Load it again.";
    refill(place, el("div", { class: "notice bad", role: "alert" }, el("p", {}, text), again && el("p", {}, again)));
  };
  /** Loads now, after changes, and every so many seconds while somebody looks and has not paused it. */
  context.every = (seconds, load) => {
    let timer;
    const place = el("div", {});
    banner.append(place);
    const wanted = () => document.visibilityState === "visible" && !context.paused;
    const run = async () => {
      clearTimeout(timer);
      try {
        await load();
        if (!signal.aborted) place.replaceChildren();
      } catch (error) {
        const passes = seconds && !(error.status >= 400 && error.status < 500);
        failed(error, place, passes ? `It is tried again every ${seconds} seconds.` : null);
      }
      if (!signal.aborted && seconds) timer = setTimeout(() => (wanted() ? run() : rest()), seconds * 1000);
    };
    const rest = () => {
      timer = setTimeout(() => (wanted() ? run() : rest()), 1000);
    };
    signal.addEventListener("abort", () => clearTimeout(timer));
    const before = context.reload;
    context.reload = () => Promise.all([before(), run()]);
    return run();
  };
  return context;
}

/** Shows the page of the address. */
function show() {
  const [path, search] = location.hash.replace(/^#/, "").split("?");
  const signal = leave();
  const found = PAGES.map(([form, page, nav]) => [form.exec(path), page, nav]).find(([match]) => match);
  const [match, page, nav] = found ?? [[], lost, ""];
  for (const link of byId("nav").children) {
    if (link.getAttribute("href") === nav) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  const banner = el("div", {});
  const context = contextOf(signal, banner);
  const given = match.slice(1).map(decoded);
  const { title, node } = page(context, new URLSearchParams(search), ...given);
  document.title = plain(`${title} · heify-gateway`);
  main.replaceChildren(banner, node);
  main.querySelector("h1")?.focus();
  scrollTo(0, 0);
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function lost() {
  const back = el("p", {}, el("a", { href: "#/" }, "Go to the overview"));
  return { title: "No such page", node: el("div", {}, el("h1", { tabindex: -1 }, "There is no such page"), back) };
}

addEventListener("hashchange", () => session && show());
byId("skip").addEventListener("click", (event) => {
  event.preventDefault(); // The part behind # is the page's address.
  main.focus();
});
byId("sign-out").addEventListener("click", async () => {
  try {
    await remove("/session");
  } catch {
    // Without the gateway the session ends by itself.
  }
  askToSignIn();
});
byId("search").addEventListener("submit", (event) => {
  event.preventDefault();
  const id = byId("request-id").value.trim();
  if (id) location.hash = `#/requests/${part(id)}`;
  else say("Give the x-request-id of an answer.", "warn");
});

if (remembered()) {
  try {
    session = await get("/session");
    dress();
    show();
  } catch (error) {
    askToSignIn(error.status === 401 ? "Your session has ended. Sign in again." : error.message);
  }
} else {
  askToSignIn();
}
