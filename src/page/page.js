"use strict";
// Draws the page from the numbers in it. All times are microseconds since the first run began.
addEventListener("error", (e) => { document.documentElement.dataset.error = e.message; });
const data = JSON.parse(document.getElementById("data").textContent);
const main = document.getElementById("main");
const kinds = data.activities;
const SVG = ["http:", "", "www.w3.org", "2000", "svg"].join("/");
const words = { read: "reading", library: "in libhdf5, reading and decoding", decode: "decoding", compute: "computing",
  launch: "giving work to the device", device: "waiting for the device", encode: "encoding", write: "writing", spill: "spilling to disk and back", wait: "waiting for another thread", other: "copying and the rest", idle: "idle" };
const color = (kind) => `var(--${kind})`;

// --- numbers as people write them
const digits = (v) => v >= 100 ? v.toFixed(0) : v >= 10 ? v.toFixed(1) : v.toFixed(v === 0 ? 0 : 2);
function time(us) {
  if (us >= 60e6) return `${Math.floor(us / 60e6)} min ${((us % 60e6) / 1e6).toFixed(0)} s`;
  return us >= 1e6 ? `${digits(us / 1e6)} s` : us >= 1e3 ? `${digits(us / 1e3)} ms` : `${Math.round(us)} µs`;
}
function bytes(n) {
  const units = ["bytes", "KiB", "MiB", "GiB", "TiB", "PiB"];
  let k = 0;
  while (n >= 1024 && k + 1 < units.length) { n /= 1024; k++; }
  return `${k ? digits(n) : n} ${units[k]}`;
}
const count = (n) => n.toLocaleString("en");
const percent = (part, all) => all > 0 ? `${(100 * part / all).toFixed(part / all < 0.0995 ? 1 : 0)} %` : "0 %";
const sum = (list) => list.reduce((a, b) => a + b, 0);

// --- elements
function html(tag, attributes, ...inside) {
  const e = document.createElement(tag);
  for (const [k, v] of Object.entries(attributes || {})) e.setAttribute(k, v);
  e.append(...inside);
  return e;
}
function svg(tag, attributes, text) {
  const e = document.createElementNS(SVG, tag);
  for (const [k, v] of Object.entries(attributes || {})) e.setAttribute(k, v);
  if (text !== undefined) e.textContent = text;
  return e;
}
function section(title, note) {
  const h = html("h2", {}, title);
  if (note) h.append(html("small", {}, note));
  main.append(h);
}
function bar(parts, all) {
  const b = html("div", { class: "bar" });
  for (const [kind, us] of parts) {
    if (us > 0) b.append(html("i", { style: `flex:${us / all} 0 0;background:${color(kind)}`, title: `${words[kind]}: ${time(us)}, ${percent(us, all)}` }));
  }
  return b;
}
const key = (kind, ...text) => html("li", {}, html("i", { style: `background:${color(kind)}` }), ...text);

// --- the line below the summary
const wall = data.wall_s * 1e6;
{
  const parts = [];
  const rate = (n) => `${bytes(n / Math.max(data.wall_s, 1e-9))}/s`;
  const packed = (stored, plain, as) => stored > 0 && Math.abs(stored - plain) > plain / 50 ? `${bytes(stored)} (${bytes(plain)} ${as})` : bytes(plain);
  if (data.bytes_read) parts.push(`read ${packed(data.stored_bytes_read, data.bytes_read, "decoded")}, ${rate(data.bytes_read)}`);
  if (data.times_read > 1.05) parts.push(`the inputs ${data.times_read.toFixed(1)} times over`);
  if (data.bytes_written) parts.push(`wrote ${packed(data.stored_bytes_written, data.bytes_written, "before encoding")}, ${rate(data.bytes_written)}`);
  if (data.bytes_spilled) parts.push(`${bytes(data.bytes_spilled)} did not fit into memory and went through the disk`);
  parts.push(`${count(data.tasks)} task${data.tasks === 1 ? "" : "s"}`);
  const text = parts.join("; ");
  document.getElementById("moved").textContent = text.charAt(0).toUpperCase() + text.slice(1) + ".";
}

// --- where time went
if (data.lanes) {
  const parts = kinds.map((kind, k) => [kind, data.spent_us[k]]);
  parts.push(["idle", data.idle_us]);
  const all = sum(parts.map((p) => p[1]));
  section("Where the time of the threads went", `${time(all)} in all, of ${data.threads} thread${data.threads === 1 ? "" : "s"}`);
  main.append(bar(parts, all));
  const legend = html("ul", { class: "legend", id: "spent" });
  for (const [kind, us] of parts) if (us > 0) legend.append(key(kind, html("b", {}, percent(us, all)), ` ${words[kind]}, ${time(us)}`));
  main.append(legend);
}

// --- charts that share an axis of time
const LEFT = 118, RIGHT = 14, AXIS = 20;
let view = [0, Math.max(wall, ...(data.runs || []).map((r) => r.end), 1)];
const whole = [...view];
const charts = [];
let width = 1000;
const x = (us) => LEFT + (us - view[0]) / (view[1] - view[0]) * (width - LEFT - RIGHT);
const at = (px) => view[0] + (px - LEFT) / (width - LEFT - RIGHT) * (view[1] - view[0]);

function steps(span, most) {
  const raw = span / most, ten = 10 ** Math.floor(Math.log10(raw));
  return ten * [1, 2, 5, 10].find((f) => f * ten >= raw);
}
function axis(root, height) {
  const step = steps(view[1] - view[0], Math.max(2, width / 130));
  const unit = view[1] >= 1e6 ? [1e6, "s"] : view[1] >= 1e3 ? [1e3, "ms"] : [1, "µs"];
  const places = Math.max(0, -Math.floor(Math.log10(step / unit[0]) + 1e-9));
  for (let t = Math.ceil(view[0] / step) * step; t <= view[1] + step * 1e-6; t += step) {
    root.append(svg("line", { class: "grid", x1: x(t), x2: x(t), y1: 0, y2: height }));
    const near = x(t) > width - 30;
    root.append(svg("text", { x: near ? width - RIGHT : x(t), y: height + 14, "text-anchor": near ? "end" : "middle" }, `${(t / unit[0]).toFixed(places)} ${unit[1]}`));
  }
}
function chart(title, legend, height, draw, hover) {
  const head = html("header", {}, html("b", {}, title), legend);
  const root = svg("svg", { class: "plot", height: height + AXIS });
  main.append(html("div", { class: "chart" }, head, root));
  charts.push({ root, height, draw, hover });
  return root;
}
function redraw() {
  width = Math.max(500, main.clientWidth - 26);
  for (const c of charts) {
    c.root.setAttribute("viewBox", `0 0 ${width} ${c.height + AXIS}`);
    c.root.replaceChildren();
    axis(c.root, c.height);
    c.draw(c.root);
    c.root.append(svg("line", { class: "cursor", stroke: "currentColor", "stroke-opacity": 0.5, y1: 0, y2: c.height, visibility: "hidden" }));
    c.root.append(svg("rect", { class: "chosen", fill: "currentColor", "fill-opacity": 0.12, y: 0, height: c.height, visibility: "hidden" }));
  }
}

// What a thread did, as shares of every column of pixels.
function columns(lane) {
  const n = Math.max(1, Math.ceil(width - LEFT - RIGHT));
  const per = (view[1] - view[0]) / n;
  const busy = new Float64Array(n), shares = kinds.map(() => new Float64Array(n));
  const spread = (into, start, length, us) => {
    const end = start + length;
    if (end < view[0] || start > view[1] || us <= 0) return;
    const first = Math.max(0, Math.floor((start - view[0]) / per)), last = Math.min(n - 1, Math.floor((end - view[0]) / per));
    for (let k = first; k <= last; k++) {
      const from = Math.max(start, view[0] + k * per), to = Math.min(end, view[0] + (k + 1) * per);
      into[k] += length > 0 ? us * Math.max(0, to - from) / length / per : us / per;
    }
  };
  for (const [start, length, , , , times] of lane.tasks) spread(busy, start, length, sum(times));
  for (const [start, length, , , what] of lane.stretches) {
    if (typeof what === "number") spread(shares[what], start, length, length);
    else what.forEach((us, k) => spread(shares[k], start, length, us));
  }
  const other = kinds.indexOf("other");
  for (let k = 0; k < n; k++) {
    const named = sum(shares.map((s) => s[k]));
    shares[other][k] += Math.max(0, busy[k] - named);
    const all = sum(shares.map((s) => s[k]));
    if (all > 1) shares.forEach((s) => { s[k] /= all; });
  }
  return shares;
}
// Rectangles of equal columns, one path a kind.
function bands(shares, top, height) {
  const n = shares[0].length, paths = kinds.map(() => []), open = kinds.map(() => null);
  const step = 0.25;
  for (let k = 0; k <= n; k++) {
    let below = 0;
    kinds.forEach((_, i) => {
      const low = Math.round(below * height / step) * step;
      below += k < n ? shares[i][k] : 0;
      const high = Math.round(Math.min(1, below) * height / step) * step;
      const was = open[i];
      if (was && k < n && was.low === low && was.high === high) return;
      if (was && was.high > was.low) paths[i].push(`M${LEFT + was.from} ${top + height - was.high}h${k - was.from}v${was.high - was.low}h${was.from - k}z`);
      open[i] = k < n ? { from: k, low, high } : null;
    });
  }
  return paths;
}
const tip = html("div", { id: "tip" });
document.body.append(tip);
const stageOf = (run, stage) => data.runs[run] && data.runs[run].stages.find((s) => s.number === stage);
function taskTip(lane, us) {
  const parts = [html("b", {}, lane.name), ` at ${time(us)}`];
  const task = lane.tasks.find(([start, length]) => start <= us && us <= start + length);
  const doing = lane.stretches.find(([start, length]) => start <= us && us <= start + length);
  if (!task && !doing) return [...parts, html("div", {}, "no task")];
  if (doing) {
    const [, length, run, number, what] = doing;
    const stage = stageOf(run, number);
    const name = typeof what === "number" ? words[kinds[what]] : "several things";
    parts.push(html("div", {}, html("b", {}, name), ` for ${time(length)}`, stage ? ` in stage ${stage.number}: ${stage.title.slice(0, 160)}` : ""));
  }
  if (task) {
    const [, length, run, sweep, tasks, times, [stored, read, written, spilled], block, region] = task;
    parts.push(html("div", {}, html("b", {}, tasks > 1 ? `${count(tasks)} tasks` : `task: sweep ${sweep}`), tasks > 1 ? ` in ${time(length)}` : `, ${time(length)}`));
    if (block) parts.push(html("div", {}, `block ${block}, region ${region}`));
    const rows = html("table");
    kinds.forEach((kind, k) => {
      if (times[k] > 0) rows.append(html("tr", {}, html("td", {}, html("i", { style: `background:${color(kind)}` }), words[kind]), html("td", {}, time(times[k])), html("td", {}, percent(times[k], sum(times)))));
    });
    parts.push(rows);
    const moved = [[stored, "from files"], [read, "decoded"], [written, "written"], [spilled, "to disk and back"]].filter(([n]) => n > 0);
    if (moved.length) parts.push(html("div", {}, moved.map(([n, what]) => `${bytes(n)} ${what}`).join(", ")));
  }
  return parts;
}
if (data.lanes) {
  section("What every thread did", "scroll to zoom, drag to choose, double-click for all");
  const lanes = data.lanes, row = lanes.length > 48 ? 8 : lanes.length > 16 ? 13 : 24, gap = row > 12 ? 4 : 2;
  const used = new Set(["other"]);
  lanes.forEach((l) => l.tasks.forEach((t) => t[5].forEach((us, k) => us > 0 && used.add(kinds[k]))));
  lanes.forEach((l) => l.stretches.forEach((s) => typeof s[4] === "number" ? used.add(kinds[s[4]]) : s[4].forEach((us, k) => us > 0 && used.add(kinds[k]))));
  const legend = html("ul", { class: "legend" }, ...kinds.filter((k) => used.has(k)).map((k) => key(k, k)));
  const tasks = sum(lanes.map((l) => sum(l.tasks.map((t) => t[4]))));
  const sweeps = data.runs.flatMap((r, run) => r.sweeps.map((s, k) => ({ ...s, name: data.runs.length > 1 ? `${run + 1}.${k}` : `${k}` })));
  const top = 20;
  const root = chart("Tasks", legend, top + lanes.length * (row + gap), (root) => {
    for (const s of sweeps) {
      if (s.end < view[0] || s.start > view[1]) continue;
      const from = Math.max(LEFT, x(s.start)), to = Math.min(width - RIGHT, x(s.end));
      root.append(svg("rect", { class: "track", x: from, y: 4, width: Math.max(1, to - from - 1), height: 12, rx: 2 }));
      if (to - from > 70) root.append(svg("text", { x: from + 5, y: 14 }, `sweep ${s.name}${to - from > 190 ? `: ${count(s.tasks)} tasks` : ""}`));
    }
    lanes.forEach((lane, k) => {
      const y = top + k * (row + gap);
      if (row > 9 || k % 4 === 0) root.append(svg("text", { class: "name", x: LEFT - 10, y: y + row / 2 + 4, "text-anchor": "end" }, lane.name.slice(0, 17)));
      root.append(svg("rect", { class: "track", x: LEFT, y, width: width - LEFT - RIGHT, height: row }));
      const g = svg("g", { class: "lane" });
      bands(columns(lane), y, row).forEach((path, i) => path.length && g.append(svg("path", { d: path.join(""), style: `fill:${color(kinds[i])}` })));
      root.append(g);
    });
  }, (us, py) => {
    const lane = lanes[Math.min(lanes.length - 1, Math.max(0, Math.floor((py - top) / (row + gap))))];
    return taskTip(lane, us);
  });
  root.id = "timeline";
  root.dataset.tasks = tasks;
}

// --- memory and rates over time
function line(root, points, style) {
  if (points.length) root.append(svg("path", { d: "M" + points.map(([a, b]) => `${a.toFixed(1)} ${b.toFixed(1)}`).join("L"), fill: "none", style, "stroke-width": 1.6, "stroke-linejoin": "round" }));
}
function area(root, points, base, style) {
  if (points.length) root.append(svg("path", { d: `M${points[0][0].toFixed(1)} ${base}L` + points.map(([a, b]) => `${a.toFixed(1)} ${b.toFixed(1)}`).join("L") + `L${points.at(-1)[0].toFixed(1)} ${base}z`, style }));
}
function levels(root, height, top, unit) {
  const base = 2 ** (10 * Math.floor(Math.log2(Math.max(1, top)) / 10));
  const step = steps(top / base, 4) * base;
  for (let v = 0; v <= top * 1.0001; v += step) {
    const y = height - v / top * (height - 8);
    root.append(svg("line", { class: "grid", x1: LEFT, x2: width - RIGHT, y1: y, y2: y }));
    root.append(svg("text", { x: LEFT - 10, y: y + 4, "text-anchor": "end" }, bytes(v) + unit));
  }
}
if (data.history && data.history.bins.length) {
  const w = data.history.width_ns / 1000, bins = data.history.bins;
  const known = [];
  let last = null;
  bins.forEach(([level], k) => { if (level) last = [level[0], level[1], level[2], level[3] || (last ? last[3] : 0)]; if (last) known.push([k, last]); });
  const shown = (k) => (k + 1) * w >= view[0] && k * w <= view[1];
  const inside = (us) => Math.min(width - RIGHT, Math.max(LEFT, x(us)));
  const names = [["live", "buffers"], ["cached", "decoded chunks kept among them"], ["disk", "on disk for a while"], ["resident", "the whole process"]];
  const has = names.map((_, i) => known.some(([, l]) => l[i] > 0));
  const most = Math.max(1, ...known.flatMap(([, l]) => l));
  const budgetShown = data.budget <= 4 * most, topMemory = (budgetShown ? Math.max(most, data.budget) : most) * 1.04;
  const memoryLegend = html("ul", { class: "legend" }, ...names.map(([c, t], i) => has[i] ? key(c, t) : "").filter(Boolean), key("budget", `budget ${bytes(data.budget)}${budgetShown ? "" : ", above the picture"}`));
  const MEMORY = 150, FLOW = 120;
  chart("Memory", memoryLegend, MEMORY, (root) => {
    levels(root, MEMORY, topMemory, "");
    const points = (i) => known.filter(([k]) => shown(k)).flatMap(([k, l]) => { const y = MEMORY - l[i] / topMemory * (MEMORY - 8); return [[inside(k * w), y], [inside((k + 1) * w), y]]; });
    if (has[0]) { area(root, points(0), MEMORY, `fill:${color("live")};fill-opacity:0.3`); line(root, points(0), `stroke:${color("live")}`); }
    if (has[1]) area(root, points(1), MEMORY, `fill:${color("cached")};fill-opacity:0.45`);
    if (has[2]) line(root, points(2), `stroke:${color("disk")};stroke-dasharray:5 3`);
    if (has[3]) line(root, points(3), `stroke:${color("resident")}`);
    if (budgetShown) { const y = MEMORY - data.budget / topMemory * (MEMORY - 8); line(root, [[LEFT, y], [width - RIGHT, y]], `stroke:${color("budget")};stroke-dasharray:7 4`); }
  }, (us) => {
    const found = known.findLast(([k]) => k * w <= us) || known[0];
    return [html("b", {}, `memory at ${time(us)}`), ...(found ? names.map(([c, t], i) => has[i] ? html("div", {}, html("i", { style: `background:${color(c)}` }), `${bytes(found[1][i])} ${t}`) : "") : [])];
  }).id = "memory";
  const flows = [["read", 1, "decoded", false], ["wait", 0, "read from files", true], ["write", 2, "written, before encoding", false], ["encode", 3, "written to files", true], ["spill", 4, "spilled", false], ["disk", 5, "read back", true]];
  const moving = flows.filter(([, i]) => bins.some(([, f]) => f[i] > 0));
  if (moving.length) {
    // Steps that are wide enough to be seen, whatever the zoom.
    const means = () => {
      const first = Math.max(0, Math.floor(view[0] / w)), last = Math.min(bins.length, Math.ceil(view[1] / w));
      const each = Math.max(1, Math.ceil((last - first) / 90)), out = [];
      for (let k = first; k < last; k += each) {
        const some = bins.slice(k, Math.min(last, k + each));
        out.push([k * w, (k + some.length) * w, flows.map((_, i) => sum(some.map(([, f]) => f[i])) / (some.length * w / 1e6))]);
      }
      return out;
    };
    const at90 = means(), topFlow = Math.max(1, ...at90.flatMap(([, , f]) => f)) * 1.04;
    chart("Bytes per second", html("ul", { class: "legend" }, ...moving.map(([c, , t]) => key(c, t))), FLOW, (root) => {
      levels(root, FLOW, topFlow, "/s");
      for (const [c, i, , thin] of moving) {
        const points = means().flatMap(([a, b, f]) => { const y = FLOW - Math.min(1, f[i] / topFlow) * (FLOW - 8); return [[inside(a), y], [inside(b), y]]; });
        if (!thin) area(root, points, FLOW, `fill:${color(c)};fill-opacity:0.25`);
        line(root, points, `stroke:${color(c)}`);
      }
    }, (us) => {
      const found = means().find(([a, b]) => a <= us && us <= b);
      return [html("b", {}, `around ${time(us)}`), ...(found ? moving.map(([c, i, t]) => html("div", {}, html("i", { style: `background:${color(c)}` }), `${bytes(Math.round(found[2][i]))}/s ${t}`)) : [])];
    }).id = "rates";
  }
}

// --- zooming and pointing
function zoom(from, to) {
  const least = Math.min(10, whole[1] - whole[0]);
  let a = Math.max(whole[0], from), b = Math.min(whole[1], to);
  if (b - a < least) { const middle = (a + b) / 2; a = Math.max(whole[0], middle - least / 2); b = a + least; }
  view = [a, b];
  redraw();
}
let chosen = null;
const place = (c, e) => { const r = c.root.getBoundingClientRect(); return [(e.clientX - r.left) / r.width * width, (e.clientY - r.top) / r.height * (c.height + AXIS)]; };
const mark = (name, attributes) => charts.forEach((c) => { const e = c.root.querySelector(name); if (e) for (const [k, v] of Object.entries(attributes)) e.setAttribute(k, v); });
const hide = () => { tip.style.display = "none"; mark(".cursor", { visibility: "hidden" }); };
for (const c of charts) {
  c.root.addEventListener("wheel", (e) => {
    e.preventDefault();
    const us = at(place(c, e)[0]), f = Math.exp(e.deltaY * 0.0015), shift = e.deltaX / width * (view[1] - view[0]);
    if (Math.abs(e.deltaX) > Math.abs(e.deltaY)) {
      const by = Math.max(whole[0] - view[0], Math.min(whole[1] - view[1], shift));
      zoom(view[0] + by, view[1] + by);
    } else zoom(us - (us - view[0]) * f, us + (view[1] - us) * f);
  }, { passive: false });
  c.root.addEventListener("dblclick", () => zoom(...whole));
  c.root.addEventListener("pointerdown", (e) => { chosen = place(c, e)[0]; c.root.setPointerCapture(e.pointerId); });
  c.root.addEventListener("pointerup", (e) => {
    const end = place(c, e)[0], from = chosen;
    chosen = null;
    mark(".chosen", { visibility: "hidden" });
    if (from !== null && Math.abs(end - from) > 5) zoom(at(Math.min(from, end)), at(Math.max(from, end)));
  });
  c.root.addEventListener("pointermove", (e) => {
    const [px, py] = place(c, e);
    if (px < LEFT || px > width - RIGHT) return hide();
    mark(".cursor", { x1: px, x2: px, visibility: "visible" });
    if (chosen !== null) mark(".chosen", { x: Math.min(px, chosen), width: Math.abs(px - chosen), visibility: "visible" });
    tip.replaceChildren(...c.hover(at(px), py));
    tip.style.display = "block";
    const box = tip.getBoundingClientRect();
    tip.style.left = `${Math.min(e.clientX + 16, innerWidth - box.width - 8)}px`;
    tip.style.top = `${e.clientY + 18 + box.height > innerHeight ? Math.max(4, e.clientY - box.height - 12) : e.clientY + 18}px`;
  });
  c.root.addEventListener("pointerleave", hide);
}
if (charts.length) {
  const all = html("button", { type: "button" }, "All of it");
  all.addEventListener("click", () => zoom(...whole));
  main.append(all);
  redraw();
  addEventListener("resize", redraw);
}

// --- stages and inputs
function timeCell(times, most) {
  const all = sum(times);
  const b = bar(kinds.map((k, i) => [k, times[i]]), all || 1);
  b.style.width = `${Math.max(2, 170 * all / (most || 1))}px`;
  return html("td", {}, b, html("span", { class: "soft" }, time(all)));
}
function table(heads, rows) {
  const t = html("table", { class: "rows" }, html("tr", {}, ...heads.map(([text, n]) => html("th", n ? { class: "n" } : {}, text))));
  t.append(...rows);
  main.append(html("div", { class: "wide" }, t));
  return t;
}
const number = (text) => html("td", { class: "n" }, text);
const moved = (a, b) => a > 0 ? (b > 0 && Math.abs(a - b) > b / 50 ? `${bytes(b)} (${bytes(a)} stored)` : bytes(b || a)) : b > 0 ? bytes(b) : "";
(data.runs || []).forEach((run, r) => {
  const several = data.runs.length > 1;
  section(several ? `Plan ${r + 1} of ${data.runs.length + data.runs_left_out}` : "Plan", `${time(run.end - run.start)}, planned in ${time(run.planning_us)}`);
  if (run.drawing) {
    const holder = html("div", { class: "plan" });
    holder.innerHTML = run.drawing;
    main.append(holder);
  }
  const most = Math.max(1, ...run.stages.map((s) => sum(s.tally.times_us)));
  const rows = run.stages.map((s) => html("tr", {},
    number(s.number),
    html("td", {}, html("code", {}, s.title), " ", s.role ? html("span", { class: "tag" }, s.role) : "",
      html("div", { class: "soft" }, `over ${s.space} in ${s.chunks}`), ...s.inputs.map((i) => html("div", { class: "soft" }, i))),
    number(`${count(s.tally.calls)}`),
    timeCell(s.tally.times_us, most),
    number(moved(s.tally.flow[0], s.tally.flow[1])),
    number(moved(s.tally.flow[3], s.tally.flow[2]))));
  table([["stage", 1], ["what it does"], ["blocks", 1], ["time of all threads"], ["read", 1], ["written", 1]], rows).dataset.stages = run.stages.length;
  if (run.stages_left_out) main.append(html("p", {}, `${count(run.stages_left_out)} more stages took less.`));
  if (run.sources.length) {
    const longest = Math.max(1, ...run.sources.map((s) => sum(s.tally.times_us)));
    const inputs = run.sources.map((s) => html("tr", {},
      html("td", {}, html("code", {}, s.path), html("div", { class: "soft" }, s.about)),
      number(count(s.tally.calls)), timeCell(s.tally.times_us, longest),
      number(moved(s.tally.flow[0], s.tally.flow[1])),
      number(s.bytes ? `${(s.tally.flow[1] / s.bytes).toFixed(2)} times` : "")));
    main.append(html("h2", {}, "Inputs"));
    table([["array"], ["reads", 1], ["time of all threads"], ["read", 1], ["of all of it", 1]], inputs);
  }
});

// --- all numbers
section("Numbers");
const list = html("dl");
const rows = [
  ["wall time", `${time(wall)}, and ${time(data.planning_s * 1e6)} of planning`],
  ["threads", data.threads ? `${data.threads} on ${data.device}` : ""],
  ["tasks", count(data.tasks)],
  ["bytes read", data.stored_bytes_read ? `${bytes(data.stored_bytes_read)} from files, ${bytes(data.bytes_read)} decoded` : bytes(data.bytes_read)],
  ["bytes of the inputs", data.source_bytes ? `${bytes(data.source_bytes)}, read ${data.times_read.toFixed(2)} times` : ""],
  ["bytes written", data.bytes_written ? `${bytes(data.bytes_written)} before encoding, ${bytes(data.stored_bytes_written)} to files` : ""],
  ["spilled to disk", data.bytes_spilled ? `${bytes(data.bytes_spilled)}, ${bytes(data.bytes_unspilled)} read back` : ""],
  ["memory", `${bytes(data.peak_bytes)} of buffers at most, ${bytes(data.projected_bytes)} projected${data.budget ? `, budget ${bytes(data.budget)}` : ""}`],
  ["plans left out", data.runs_left_out ? count(data.runs_left_out) : ""],
  ["hyperslab", data.version],
];
for (const [name, value] of rows) if (value) list.append(html("dt", {}, name), html("dd", {}, value));
main.append(list);
for (const [name, text] of [["Plan as text", data.plan], ["Sweeps and tasks as text", data.task_graph]]) {
  if (text) main.append(html("details", {}, html("summary", {}, name), html("pre", {}, text)));
}
document.documentElement.dataset.state = "drawn";
