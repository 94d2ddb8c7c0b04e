// Graphs that one can ask for the numbers of a moment. What the server has drawn stands in their place until
// they are there, and where there is no JavaScript.
"use strict";

const drawn = new WeakMap();
const HEAD = 24;
const MOST_TOLD = 3;
const REDRAW_EVERY = 10_000;
const SYNC = "graphs";

const digits = (value) => {
  const size = Math.abs(value);
  const text = value.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3);
  return text.includes(".") ? text.replace(/\.?0+$/, "") : text;
};
const thousands = (value) =>
  value >= 1e6 ? `${digits(value / 1e6)}M` : value >= 1e4 ? `${digits(value / 1e3)}k` : digits(value);
const bytes = (value) => {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  for (; value >= 1024 && unit + 1 < units.length; unit += 1) value /= 1024;
  return `${digits(value)} ${units[unit]}`;
};
// As the server says them.
const inWords = {
  per_second: (value) => `${thousands(value)}/s`,
  count: thousands,
  processors: thousands,
  milliseconds: (value) => (value >= 1000 ? `${digits(value / 1000)} s` : `${digits(value)} ms`),
  bytes,
  bytes_per_second: (value) => `${bytes(value)}/s`,
};

// Where lines are drawn: bytes are counted in powers of two.
const BYTES = [1, ...Array.from({ length: 44 }, (_, at) => 2 ** (at + 1))];
const steps = (unit) => (unit.startsWith("bytes") ? { incrs: BYTES } : {});

const colours = () => {
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(name).trim();
  return {
    live: colour("--live"), beside: colour("--ready"), other: colour("--faint"), soft: colour("--soft"),
    line: colour("--line"),
  };
};

const times = ({ from, step, curves }) => Array.from(curves[0]?.values ?? [], (_, at) => from + at * step);
const clock = (second) => new Date(second * 1000).toLocaleTimeString([], { hour12: false });

// What stands over a graph: what it shows, and the numbers of the moment that is pointed at, or of the last one.
const tell = (head, graph, at) => {
  // There is room for a few.
  const few = graph.curves.length > MOST_TOLD ? graph.curves.filter(({ thin }) => !thin) : graph.curves;
  const values = few.toSorted((one, other) => one.thin - other.thin).map((curve) => {
    const last = at ?? curve.values.findLastIndex((value) => value !== null);
    const value = curve.values[last];
    return [curve, value == null ? "–" : inWords[graph.unit](value)];
  });
  const part = (text, name) => {
    const element = document.createElement("span");
    element.className = name;
    element.textContent = text;
    return element;
  };
  const told = values.map(([curve, value]) => part(`${curve.label} ${value}`, `value ${curve.role}`));
  if (at !== undefined) told.push(part(clock(graph.from + at * graph.step), "soft"));
  head.replaceChildren(part(graph.title, "soft"), ...told);
};

// Deployments of that time: a line for each, with what became live. Where there is no room for the words of all, the
// newest have them.
const mark = (plot, graph, palette) => {
  const { ctx, bbox } = plot;
  const [left, right] = [bbox.left, bbox.left + bbox.width];
  ctx.save();
  ctx.strokeStyle = ctx.fillStyle = palette.soft;
  ctx.lineWidth = devicePixelRatio;
  ctx.setLineDash([3 * devicePixelRatio, 3 * devicePixelRatio]);
  ctx.textAlign = "left";
  ctx.font = `${10 * devicePixelRatio}px sans-serif`;
  let freeUntil = Infinity;
  for (const { at, label } of graph.marks.toReversed().toSorted((one, other) => other.at - one.at)) {
    const x = Math.round(plot.valToPos(at, "x", true));
    if (x < left || x > right) continue;
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    const long = ctx.measureText(label).width + 6 * devicePixelRatio;
    const begin = x + long > right ? x - long : x;
    if (begin + long > freeUntil) continue;
    freeUntil = begin;
    ctx.fillText(label, begin + (begin < x ? 2 : 4) * devicePixelRatio, bbox.top + 10 * devicePixelRatio);
  }
  ctx.restore();
};

const size = (part) => ({ width: part.clientWidth, height: Math.max(part.clientHeight - HEAD, 40) });

const options = (part, state) => {
  const palette = colours();
  const axis = { stroke: palette.soft, font: "10px sans-serif", ticks: { show: false } };
  const series = state.graph.curves.map((curve) => ({
    label: curve.label, stroke: palette[curve.role], width: curve.thin ? 1 : 1.75, points: { show: false },
  }));
  return {
    ...size(part),
    padding: [6, 12, 0, 0],
    legend: { show: false },
    cursor: { sync: { key: SYNC }, drag: { x: false, y: false }, y: false },
    scales: { x: { range: () => [state.graph.from, state.graph.until] }, y: { range: (_, __, most) => [0, most > 0 ? most * 1.1 : 1] } },
    axes: [
      { ...axis, size: 22, space: 70, grid: { show: false }, values: (_, all) => all.map((at) => clock(at).slice(0, 5)) },
      {
        ...axis, ...steps(state.graph.unit), size: 58, space: 28, grid: { stroke: palette.line, width: 1 },
        values: (_, all) => all.map((value) => inWords[state.graph.unit](value)),
      },
    ],
    series: [{}, ...series],
    hooks: {
      draw: [(plot) => mark(plot, state.graph, palette)],
      setCursor: [(plot) => tell(state.head, state.graph, plot.cursor.idx ?? undefined)],
    },
  };
};

const shape = (graph) => JSON.stringify(graph.curves.map(({ label, role, thin }) => [label, role, thin]));
const data = (graph) => [times(graph), ...graph.curves.map(({ values }) => values)];

const draw = (part, state) => {
  state.plot?.destroy();
  state.plot = new uPlot(options(part, state), data(state.graph), state.box);
};

const put = (part) => {
  const box = document.createElement("div");
  box.className = "drawn";
  const head = document.createElement("p");
  head.className = "plot-head";
  box.append(head);
  part.append(box);
  const state = { box, head, plot: null, graph: null, shape: "" };
  state.watch = new ResizeObserver(() => state.plot?.setSize(size(part)));
  state.watch.observe(part);
  drawn.set(part, state);
  return state;
};

const drop = (part) => {
  const state = drawn.get(part);
  state?.plot?.destroy();
  state?.watch.disconnect();
  state?.box.remove();
  drawn.delete(part);
  part.classList.remove("is-drawn");
};

// Nothing that was measured: then the server's picture says so.
const isEmpty = (graph) => !graph.curves.some(({ values }) => values.some((value) => value !== null));

const refresh = async (part) => {
  const address = part.dataset.graph;
  const response = await fetch(address.replace(".svg", ".json"), { headers: { accept: "application/json" } }).catch(() => null);
  const graph = response?.ok ? await response.json().catch(() => null) : null;
  // The page may have another graph in its place by now.
  if (!part.isConnected || part.dataset.graph !== address) return;
  if (!graph || isEmpty(graph)) {
    drop(part);
    part.querySelector("img").src = `${address}&at=${Math.floor(Date.now() / REDRAW_EVERY)}`;
    return;
  }
  const state = drawn.get(part) ?? put(part);
  // The page says whose it is.
  graph.title = part.querySelector("img").alt;
  state.graph = graph;
  if (state.plot && state.shape === shape(graph)) {
    state.plot.setData(data(graph));
  } else {
    state.shape = shape(graph);
    draw(part, state);
  }
  tell(state.head, graph, state.plot.cursor.idx ?? undefined);
  part.classList.add("is-drawn");
};

const parts = () => [...document.querySelectorAll(".plot[data-graph]")];
const refreshAll = () => {
  if (!document.hidden) parts().forEach(refresh);
};
// What was morphed into another graph has lost what was drawn.
document.body.addEventListener("htmx:afterSwap", () => {
  for (const part of parts().filter((one) => !one.querySelector(".drawn"))) {
    drop(part);
    refresh(part);
  }
});
let soon = 0;
document.addEventListener("sse:changed", () => {
  clearTimeout(soon);
  soon = setTimeout(refreshAll, 500);
}, true);
document.addEventListener("visibilitychange", refreshAll);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  for (const part of parts()) if (drawn.get(part)?.plot) draw(part, drawn.get(part));
});
setInterval(refreshAll, REDRAW_EVERY);
refreshAll();
