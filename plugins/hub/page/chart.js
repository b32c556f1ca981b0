// chart.js: the targets of the node arrays over time, as step lines, with a readout that follows
// the pointer or the arrow keys, and the same as a table.
import { count, element, make, natural, replaceIfChanged, setText } from "./dom.js";
import { isUtc, timeElement, zoneName } from "./times.js";
import { ask, cluster } from "./hub.js";

const SVG = "http://www.w3.org/2000/svg";
const HEIGHT = 220;
const MARGIN = { top: 10, right: 14, bottom: 26, left: 52 };
const STYLES = 8;        // colours; then they come again with dashes
const MOST_LINES = 24;   // on the chart; the table below has all
const MOST_ROWS = 200;   // of the table of changes
const HOUR = 3_600_000;

function svg(name, attributes, text) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

// A format in the zone that the reader chose.
function formats(options) {
  const local = new Intl.DateTimeFormat("en-GB", options);
  const utc = new Intl.DateTimeFormat("en-GB", { ...options, timeZone: "UTC" });
  return { format: (time) => (isUtc() ? utc : local).format(time) };
}

const clock = formats({ hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const day = formats({ weekday: "short", day: "numeric", month: "short" });
const moment = formats({ day: "numeric", month: "short", hour: "2-digit", minute: "2-digit",
  second: "2-digit", hourCycle: "h23" });

// The smallest of 1, 2 and 5 times a power of ten that divides `most` into four steps or fewer.
function niceStep(most) {
  const least = Math.max(most / 4, 1);
  const power = 10 ** Math.floor(Math.log10(least));
  return [1, 2, 5, 10].map((factor) => factor * power).find((step) => step >= least);
}

// The ticks of the time axis: round times of the chosen zone.
function timeMarks(from, to, most) {
  const minutes = [1, 2, 5, 10, 15, 30, 60, 120, 240, 360, 720, 1440, 2880];
  const step = minutes.find((size) => (to - from) / (size * 60_000) <= most) ?? 2880;
  const first = new Date(from);
  if (isUtc()) first.setUTCHours(0, 0, 0, 0);
  else first.setHours(0, 0, 0, 0);
  const marks = [];
  for (let time = first.getTime(); time <= to; time += step * 60_000)
    if (time >= from) marks.push(new Date(time));
  return { marks, isDaily: step >= 1440 };
}

// The value at `time`; undefined before the first.
function valueAt(line, time) {
  let low = 0;
  let high = line.points.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (line.points[middle].time <= time) low = middle + 1;
    else high = middle;
  }
  return line.points[low - 1]?.value;
}

export class Chart {
  #data = { nodearrays: [], history: [] };
  #hidden = new Set();  // the arrays that the reader turned off
  #lines = [];
  #at = null;           // the time that is read out; null: now
  #unit = "";           // "cores" or "nodes"; the reader's choice or, when empty, whatever exists
  #frame = null;
  #plot = element("chart");

  start() {
    element("chart-hours").addEventListener("change", () => this.refresh().catch(() => {}));
    element("chart-unit").addEventListener("change", () => {
      this.#unit = element("chart-unit").value;
      this.#show();
    });
    element("chart-table").addEventListener("toggle", () => this.#showTable());
    this.#plot.addEventListener("pointermove", (move) => this.#pointAt(move));
    this.#plot.addEventListener("pointerleave", () => this.#readAt(null));
    this.#plot.addEventListener("keydown", (key) => this.#key(key));
    this.#plot.addEventListener("blur", () => this.#readAt(null));
    element("targets").addEventListener("click", (click) => this.#toggle(click));
    new ResizeObserver(() => this.#draw()).observe(this.#plot);
  }

  async refresh() {
    const hours = element("chart-hours").value;
    this.#data = await ask("/api/targets", { cluster, hours });
    this.#show();
  }

  // The time axis moves without a change, too.
  redraw() {
    this.#draw();
  }

  // ---- the data to show ----------------------------------------------------------------------

  #show() {
    this.#chooseUnit();
    this.#makeLines();
    const isEmpty = this.#lines.length === 0;
    element("targets-card").hidden = isEmpty;
    element("targets-empty").hidden = !isEmpty;
    if (isEmpty) return;
    this.#draw();
    this.#showTable();
  }

  #field() {
    return element("chart-unit").value === "nodes" ? "target_count" : "target_core_count";
  }

  #chooseUnit() {
    const all = [...this.#data.nodearrays, ...this.#data.history];
    const hasCores = all.some(({ target_core_count: cores }) => (cores ?? null) !== null);
    const hasNodes = all.some(({ target_count: nodes }) => (nodes ?? null) !== null);
    element("chart-unit").value = this.#unit || (hasCores ? "cores" : "nodes");
    element("chart-unit-label").hidden = !(hasCores && hasNodes);
    setText(element("chart-unit-name"), hasCores && hasNodes ? "" : element("chart-unit").value);
  }

  // One line for each array that has the unit, ordered by name, so that an array keeps
  // its colour.
  #makeLines() {
    const field = this.#field();
    const points = new Map();
    for (const entry of this.#data.history) {
      const value = entry[field] ?? null;
      if (!points.has(entry.nodearray)) points.set(entry.nodearray, []);
      if (value !== null) points.get(entry.nodearray).push({ time: Date.parse(entry.time), value });
    }
    const current = new Map(this.#data.nodearrays.map((array) => [array.name, array]));
    const names = [...new Set([...points.keys(), ...current.keys()])].sort(natural.compare);
    this.#lines = names.map((name, index) => ({ name, array: current.get(name),
      now: current.get(name)?.[field] ?? null, style: index % STYLES, dash: index >= STYLES,
      ready: this.#readyOf(name),
      points: (points.get(name) ?? []).sort((a, b) => a.time - b.time) }))
      .filter((line) => line.points.length > 0 || line.now !== null);
  }

  // How many nodes or cores were ready; undefined while a node did not say how many cores it has.
  #readyOf(name) {
    const unit = element("chart-unit").value;
    return (this.#data.ready ?? []).filter(({ nodearray }) => nodearray === name)
      .map((point) => ({ time: Date.parse(point.time), value: point[unit] ?? undefined }));
  }

  // What was ready, beside what was wanted.
  #readyLines() {
    return this.#drawn().map((line) => ({ ...line, isReady: true, points: line.ready }))
      .filter(({ points }) => points.some(({ value }) => value !== undefined));
  }

  #drawn() {
    return this.#lines.filter(({ name }) => !this.#hidden.has(name)).slice(0, MOST_LINES);
  }

  // ---- the drawing ---------------------------------------------------------------------------

  #draw() {
    const width = Math.floor(this.#plot.clientWidth);
    if (width < 80 || this.#lines.length === 0) return;
    const lines = this.#drawn();
    const to = Date.now();
    const from = to - Number(element("chart-hours").value) * HOUR;
    setText(element("chart-zone"), zoneName());
    const most = Math.max(1, ...lines.concat(this.#readyLines()).flatMap(({ points }) =>
      points.filter((_, i) => (points[i + 1]?.time ?? to) > from).map(({ value }) => value ?? 0)));
    const step = niceStep(most);
    const top = Math.ceil(most / step) * step;
    const inner = width - MARGIN.left - MARGIN.right;
    this.#frame = { from, to, width, top, step,
      x: (time) => MARGIN.left + ((time - from) / (to - from)) * inner,
      y: (value) => MARGIN.top + (1 - value / top) * (HEIGHT - MARGIN.top - MARGIN.bottom) };
    const picture = svg("svg", { width, height: HEIGHT, viewBox: `0 0 ${width} ${HEIGHT}`,
      "aria-hidden": "true" });
    picture.append(...this.#axes(), ...this.#readyLines().map((line) => this.#path(line)),
      ...lines.map((line) => this.#path(line)), ...this.#cursor());
    element("chart-picture").replaceChildren(picture);
    this.#describe(lines);
    this.#showLegend();
  }

  #axes() {
    const { from, to, width, top, step, x, y } = this.#frame;
    const parts = [];
    for (let value = 0; value <= top; value += step)
      parts.push(svg("line", { class: value ? "grid" : "axis", x1: MARGIN.left,
        x2: width - MARGIN.right, y1: y(value), y2: y(value) }),
      svg("text", { class: "label end", x: MARGIN.left - 8, y: y(value) + 4 }, count(value)));
    const { marks, isDaily } = timeMarks(from, to, Math.max(2, Math.floor(width / 90)));
    for (const mark of marks) {
      const isMidnight = clock.format(mark) === "00:00";
      const text = isDaily || isMidnight ? day.format(mark) : clock.format(mark);
      parts.push(svg("line", { class: "axis", x1: x(mark), x2: x(mark), y1: y(0), y2: y(0) + 4 }),
        svg("text", { class: "label middle", x: x(mark), y: HEIGHT - 6 }, text));
    }
    return parts;
  }

  // Steps; of several changes in one column of pixels the highest and the last. Without a value there
  // is a gap.
  #path(line) {
    const { from, to, x, y } = this.#frame;
    const start = valueAt(line, from);
    let commands = start === undefined ? "" : `M${MARGIN.left},${y(start).toFixed(1)}`;
    const columns = new Map();
    for (const { time, value } of line.points) {
      if (time <= from || time > to) continue;
      const column = Math.round(x(time) * 2) / 2;
      const known = columns.get(column);
      columns.set(column, { most: Math.max(known?.most ?? 0, value ?? 0), last: value });
    }
    let isDrawn = commands !== "";
    for (const [column, { most, last }] of columns) {
      if (isDrawn)
        commands += `H${column}`;
      else if (last !== undefined)
        commands += `M${column},${y(commands ? last : 0).toFixed(1)}`;
      isDrawn = last !== undefined;
      if (!isDrawn) continue;
      if (most !== last) commands += `V${y(most).toFixed(1)}`;
      commands += `V${y(last).toFixed(1)}`;
    }
    if (isDrawn) commands += `H${x(to).toFixed(1)}`;
    const look = line.isReady ? " ready" : line.dash ? " dashed" : "";
    return svg("path", { class: `line line-${line.style}${look}`, d: commands || "M0,0" });
  }

  #cursor() {
    if (this.#at === null) return [];
    const { x, y, top } = this.#frame;
    const parts = [svg("line", { class: "cursor", x1: x(this.#at), x2: x(this.#at), y1: y(0),
      y2: y(top) })];
    for (const line of this.#drawn()) {
      const value = valueAt(line, this.#at);
      if (value !== undefined)
        parts.push(svg("circle", { class: `dot line-${line.style}`, cx: x(this.#at), cy: y(value),
          r: 3.5 }));
    }
    return parts;
  }

  #describe(lines) {
    const unit = element("chart-unit").value;
    const now = lines.map(({ name, now: value }) => `${name} ${count(value ?? 0)}`).join(", ");
    this.#plot.setAttribute("aria-label", `Targets in ${unit} over the last ` +
      `${element("chart-hours").selectedOptions[0].text}. Now: ${now || "none"}. ` +
      "Use the arrow keys to move from change to change.");
  }

  // ---- the legend, which is also the readout -------------------------------------------------

  #showLegend() {
    const rows = this.#lines.map((line) => {
      const row = make("tr");
      const heading = make("th");
      heading.scope = "row";
      const button = make("button", "series", line.name);
      button.type = "button";
      button.dataset.name = line.name;
      button.setAttribute("aria-pressed", String(!this.#hidden.has(line.name)));
      const sample = svg("svg", { width: 22, height: 10, "aria-hidden": "true" });
      sample.append(svg("path", { class: `line line-${line.style}${line.dash ? " dashed" : ""}`,
        d: "M1,5H21" }));
      button.prepend(sample);
      heading.append(button);
      if (line.array?.removal) heading.append(make("span", "note", "being removed"));
      const value = this.#at === null ? line.now : valueAt(line, this.#at);
      const expires = make("td", "expires");
      if (line.array?.expires) expires.append(timeElement(line.array.expires));
      else expires.append("–");
      const ready = valueAt({ points: line.ready }, this.#at ?? Date.now());
      row.append(heading, make("td", "figure", (value ?? null) === null ? "–" : count(value)),
        make("td", "figure ready", ready === undefined ? "–" : count(ready)),
        expires, make("td", "set", line.array?.request_set || "–"));
      return row;
    });
    setText(element("targets-at"), this.#at === null ? "Now" : moment.format(this.#at));
    replaceIfChanged(element("targets").tBodies[0], rows);
  }

  #toggle(click) {
    const name = click.target.closest("button")?.dataset.name;
    if (name === undefined) return;
    if (!this.#hidden.delete(name)) this.#hidden.add(name);
    this.#draw();
    [...element("targets").querySelectorAll("button")]
      .find((button) => button.dataset.name === name)?.focus();
  }

  #readAt(time) {
    if (!this.#frame) return;
    this.#at = time;
    this.#draw();
  }

  #pointAt(move) {
    if (!this.#frame) return;
    const { from, to, width } = this.#frame;
    const across = move.clientX - this.#plot.getBoundingClientRect().left - MARGIN.left;
    const share = across / (width - MARGIN.left - MARGIN.right);
    this.#readAt(from + Math.min(1, Math.max(0, share)) * (to - from));
  }

  #key(key) {
    if (!this.#frame) return;
    const { from, to } = this.#frame;
    const changes = this.#drawn().flatMap(({ points }) => points.map(({ time }) => time));
    const times = [...new Set(changes)].filter((time) => time >= from && time <= to)
      .sort((a, b) => a - b);
    const at = this.#at ?? to;
    const moves = { ArrowLeft: times.findLast((time) => time < at),
      ArrowRight: times.find((time) => time > at) ?? null, Home: times[0], End: null,
      Escape: null };
    if (!Object.hasOwn(moves, key.key)) return;
    key.preventDefault();
    if (moves[key.key] === undefined) return;
    this.#readAt(moves[key.key]);
    this.#announce();
  }

  #announce() {
    const when = this.#at === null ? "Now" : moment.format(this.#at);
    const values = this.#drawn().map((line) =>
      [line.name, this.#at === null ? line.now : valueAt(line, this.#at)])
      .filter(([, value]) => (value ?? null) !== null)
      .map(([name, value]) => `${name} ${count(value)}`);
    setText(element("chart-news"), `${when}: ${values.join(", ") || "no targets"}`);
  }

  // ---- the same as a table -------------------------------------------------------------------

  #showTable() {
    if (!element("chart-table").open) return;
    const { history } = this.#data;
    const figure = (value) => make("td", "figure", (value ?? null) === null ? "–" : count(value));
    const rows = history.slice(-MOST_ROWS).reverse().map((entry) => {
      const row = make("tr");
      const time = make("td", "", moment.format(new Date(entry.time)));
      const name = make("th", "", entry.nodearray);
      name.scope = "row";
      row.append(time, name, figure(entry.target_count), figure(entry.target_core_count));
      return row;
    });
    replaceIfChanged(element("changes").tBodies[0], rows);
    const left = history.length - rows.length;
    setText(element("changes-more"), left > 0 ? `and ${count(left)} older changes` : "");
  }
}
