// Who are you?
import { post } from "./api.js";
import { el } from "./dom.js";

/** The form that exchanges a token for a session. */
export function signIn(message, done) {
  const input = el("input", {
    id: "token",
    name: "token",
    type: "password",
    autocomplete: "current-password",
    required: true,
    spellcheck: "false",
    "aria-describedby": "token-hint",
  });
  const problem = el("div", { role: "alert" });
  const button = el("button", { type: "submit", class: "primary" }, "Sign in");
  const tell = (text, tone = "bad") => problem.replaceChildren(el("p", { class: `notice ${tone}` }, text));
  if (message) tell(message, "info");
  const submit = async (event) => {
    event.preventDefault();
    button.disabled = true;
    try {
      done(await post("/session", { token: input.value.trim() }));
    } catch (error) {
      tell(explained(error));
      input.select();
      input.focus();
    } finally {
      button.disabled = false;
    }
  };
  return el(
    "div",
    { class: "sign-in" },
    el("h1", { tabindex: -1 }, "Sign in"),
    problem,
    el(
      "form",
      { class: "stack", on: { submit } },
      el("label", { for: "token" }, "Admin token"),
      input,
      el(
        "p",
        { id: "token-hint", class: "note" },
        "A token of ",
        el("code", {}, "[admin]"),
        " or ",
        el("code", {}, "[[admin.tokens]]"),
        " in the gateway's configuration. A viewer's token may look, an operator's may change.",
      ),
      button,
    ),
  );
}

function explained(error) {
  switch (error.status) {
    case 401:
      return "This token is not known. Check that it is whole, and that the configuration with it was loaded.";
    case 429: {
      const wait = error.wait ? `${error.wait} seconds` : "a moment";
      return `Too many wrong tokens came from your address. Wait ${wait}, then try again.`;
    }
    default:
      return error.message;
  }
}
