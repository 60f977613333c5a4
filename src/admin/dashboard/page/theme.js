// Light or dark? Runs before the page is drawn, so that it does not flash.
"use strict";
(() => {
  const order = ["system", "light", "dark"];
  const root = document.documentElement;
  const read = () => {
    try {
      const kept = localStorage.getItem("theme");
      return order.includes(kept) ? kept : "system";
    } catch {
      return "system"; // A browser may keep nothing for this page.
    }
  };
  const apply = (theme) => {
    if (theme === "system") delete root.dataset.theme;
    else root.dataset.theme = theme;
  };
  apply(read());
  document.addEventListener("DOMContentLoaded", () => {
    const button = document.getElementById("theme");
    const label = (theme) => {
      button.setAttribute("aria-label", `Theme: ${theme}`);
      button.lastElementChild.textContent = theme;
    };
    label(read());
    button.addEventListener("click", () => {
      const next = order[(order.indexOf(root.dataset.theme ?? "system") + 1) % order.length];
      apply(next);
      label(next);
      try {
        localStorage.setItem("theme", next);
      } catch {
        // It holds until the page is left.
      }
      document.dispatchEvent(new Event("themechange"));
    });
  });
  const dark = matchMedia("(prefers-color-scheme: dark)");
  dark.addEventListener("change", () => document.dispatchEvent(new Event("themechange")));
})();
