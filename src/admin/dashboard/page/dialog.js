// How is something asked before it is done?
import { Problem } from "./api.js";
import { el, say } from "./dom.js";

let number = 0;

/** A labelled field; `control` is made with an id. */
export function field(label, control, hint) {
  number += 1;
  const id = `field-${number}`;
  control.id = id;
  if (hint) control.setAttribute("aria-describedby", `${id}-hint`);
  return el(
    "div",
    { class: "field" },
    el("label", { for: id }, label),
    control,
    hint && el("p", { class: "note", id: `${id}-hint` }, hint),
  );
}

/** A choice. Options: `[value, text]`. */
export function select(name, options, value) {
  const made = options.map(([key, text]) => el("option", { value: key, selected: key === value }, text));
  return el("select", { name }, made);
}

/**
 * Opens a dialog with a form. `act` gets what was entered; what it returns stands in the dialog
 * afterwards (such as a new key), and nothing closes it. Mistakes are told inside of it.
 */
export function ask({ title, text, fields = [], action, danger, act, done }) {
  number += 1;
  const id = `dialog-${number}`;
  const problem = el("div", { role: "alert" });
  const go = el("button", { type: "submit", class: danger ? "danger" : "primary" }, action);
  const close = () => dialog.close();
  const form = el(
    "form",
    { class: "stack", on: { submit } },
    text && el("p", {}, text),
    fields,
    problem,
    el("div", { class: "dialog-end" }, el("button", { type: "button", on: { click: close } }, "Cancel"), go),
  );
  const dialog = el("dialog", { "aria-labelledby": id }, el("h2", { id }, title), form);
  const opener = document.activeElement;
  const name = opener?.dataset.name;
  dialog.addEventListener("close", () => {
    dialog.remove();
    // The page may have been filled anew behind the dialog.
    const again = opener?.isConnected ? opener : name && document.querySelector(`[data-name="${CSS.escape(name)}"]`);
    again?.focus();
  });

  async function submit(event) {
    event.preventDefault();
    const given = Object.fromEntries(new FormData(form));
    go.disabled = true;
    try {
      const after = await act(given);
      if (after instanceof Node) {
        const ready = el("button", { type: "button", class: "primary", on: { click: close } }, "Done");
        form.replaceWith(el("div", { class: "stack" }, after, el("div", { class: "dialog-end" }, ready)));
        dialog.querySelector("[data-first]")?.focus();
      } else {
        dialog.close();
        if (typeof after === "string") say(after);
      }
      await done?.();
    } catch (error) {
      const told = error instanceof Problem ? error.message : "This has failed. Load the page, and look whether it was done.";
      if (!(error instanceof Problem)) console.error(error);
      problem.replaceChildren(el("p", { class: "notice bad" }, told));
    } finally {
      go.disabled = false;
    }
  }

  document.body.append(dialog);
  dialog.showModal();
}

/** A secret that is shown once, to be copied. */
export function secret(label, value, text) {
  const input = el("input", { type: "text", readonly: true, class: "mono", value, spellcheck: "false", "data-first": true });
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(value);
    } catch {
      // Without TLS a browser gives no clipboard to scripts, but takes what is selected.
      input.select();
      if (!document.execCommand("copy")) {
        say("It could not be copied: select it, and copy it by hand.", "bad");
        return;
      }
    }
    button.textContent = "Copied";
  };
  const button = el("button", { type: "button", on: { click: copy } }, "Copy");
  input.addEventListener("focus", () => input.select());
  return el("div", { class: "stack" }, text && el("p", {}, text), el("div", { class: "copy" }, field(label, input), button));
}
