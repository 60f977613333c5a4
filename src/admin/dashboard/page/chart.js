// How is a course of numbers drawn?
//
// Canvas takes resolved colors only, so those of the style sheet are read from probes; a change of
// the theme draws anew.
import { el } from "./dom.js";
import { hour } from "./format.js";

const HEIGHT = 220;
const probe = document.createElement("span");
probe.hidden = true;

/** The color that a name of the style sheet means now. */
function color(name) {
  if (!probe.isConnected) document.body.append(probe);
  probe.style.color = `var(--${name})`;
  return getComputedStyle(probe).color;
}

function faded(name) {
  return color(name).replace("rgb(", "rgba(").replace(")", ", 0.14)");
}

/**
 * A chart over time. Series: `{ name, color, shown }`, where `shown` writes a value. `set(times,
 * columns)` takes seconds since 1970 and a list per series.
 */
export function chart({ label, series, bars, signal, ticks = hour, range }) {
  const place = el("div", { class: "chart", role: "img", "aria-label": label });
  const read = el("p", { class: "chart-read", "aria-hidden": "true" });
  let data = [[], ...series.map(() => [])];
  let plot = null;

  function tell() {
    const at = plot?.cursor.idx;
    const told = at !== null && at !== undefined && data[0][at] !== undefined;
    const values = series.map((one, place) => `${one.name} ${one.shown(data[place + 1][at] ?? null)}`);
    read.textContent = told ? `${ticks(data[0][at] * 1000)} — ${values.join(", ")}` : "";
  }

  function options() {
    const axis = { stroke: color("muted"), grid: { stroke: color("line"), width: 1 }, ticks: { show: false }, font: "12px system-ui, sans-serif" };
    const lines = series.map((one) => ({
      label: one.name,
      stroke: color(one.color),
      fill: bars ? color(one.color) : faded(one.color),
      width: bars ? 0 : 2,
      points: { show: false },
      paths: bars ? uPlot.paths.bars({ size: [0.7, 40] }) : uPlot.paths.stepped({ align: 1 }),
    }));
    return {
      width: Math.max(place.clientWidth, 200),
      height: HEIGHT,
      legend: { show: false },
      cursor: { y: false, drag: { setScale: false, x: false, y: false }, points: { show: !bars } },
      scales: { x: { time: true, range }, y: { range: (_, __, most) => [0, most > 0 ? most * 1.1 : 1] } },
      axes: [
        { ...axis, values: (_, at) => at.map((second) => ticks(second * 1000)), space: 80, size: 30 },
        { ...axis, values: (_, at) => at.map((value) => series[0].shown(value)), size: 64 },
      ],
      padding: [12, 20, 0, 0],
      series: [{}, ...lines],
      hooks: { setCursor: [tell] },
    };
  }

  function draw() {
    plot?.destroy();
    plot = null;
    if (!data[0].length || !place.isConnected) return;
    plot = new uPlot(options(), data, place);
  }

  const sized = new ResizeObserver(() => {
    if (plot && place.clientWidth) plot.setSize({ width: place.clientWidth, height: HEIGHT });
    else draw();
  });
  sized.observe(place);
  document.addEventListener("themechange", draw, { signal });
  signal.addEventListener("abort", () => {
    sized.disconnect();
    plot?.destroy();
  });
  return {
    node: el("div", { class: "chart-frame" }, place, read),
    set(times, columns, text) {
      data = [times, ...columns];
      if (text) place.setAttribute("aria-label", `${label}: ${text}`);
      if (plot) plot.setData(data);
      else draw();
    },
  };
}

/** What the colors mean, with a number each. Lines: `{ name, color, value, name_id }`. */
export function legend(lines) {
  const line = (one) =>
    el("li", {}, el("span", { class: `swatch ${one.color}` }), one.name, el("b", { data: { value: one.id } }, one.value));
  return el("ul", { class: "legend" }, lines.map(line));
}

/** A bar of parts of a whole. Parts: `{ share, color }`. */
export function meter(parts, text) {
  const pieces = parts.map(({ share, color: tone }) => {
    const piece = el("span", { class: `piece ${tone} ${share > 0 ? "some" : ""}` });
    piece.style.width = `${Math.min(100, Math.max(0, share * 100))}%`;
    return piece;
  });
  return el("div", { class: "meter", role: "img", "aria-label": text }, pieces);
}
