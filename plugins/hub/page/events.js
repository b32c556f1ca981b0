// events.js: the list of events, newest first, of the cluster or of one node. Repeated ones are one.
import { count, element, link, make, nodePath, setText, tag } from "./dom.js";
import { ask, cluster, node, oneAtATime, soon } from "./hub.js";
import { timeElement } from "./times.js";

const FIRST = 100;
const MOST = 1000; // on the page; older ones are dropped
const LONG_TEXT = 600;
const TYPING = 300;
const LOW_INTERVAL = 10_000;
const HOUR = 3_600_000;
const LEVELS = { info: "Info", warn: "Warning", error: "Error" };
const RANK = { info: 0, warn: 1, error: 2 };

export const priority = () => (element("show-all").checked ? "all" : "medium");
const chosen = () => ({ level: element("event-level").value,
  text: element("event-filter").value.trim(), hours: Number(element("event-hours").value) });

function wanted(more) {
  const { level, text, hours } = chosen();
  return { cluster, node, priority: priority(), limit: FIRST, level, text,
    since: hours ? Date.now() - hours * HOUR : "", ...more };
}

// Whether a new event is one of those that the reader chose.
function passes(event) {
  const { level, text } = chosen();
  return (!node || event.node === node) && (!level || RANK[event.level] >= RANK[level]) &&
    event.message.toLowerCase().includes(text.toLowerCase());
}

function originOf(event) {
  const origin = make("span", "origin");
  const parts = [];
  if (!node) parts.push(link(nodePath(event.cluster, event.node), event.node));
  if (!cluster) parts.push(event.cluster);
  if (event.priority !== "medium") parts.push(`${event.priority} priority`);
  parts.forEach((part, index) => origin.append(...(index ? ["  ·  ", part] : [part])));
  return origin;
}

// An event that was repeated `times`.
function fill(item, event, times) {
  const head = make("p", "event-head");
  const isKnown = Object.hasOwn(LEVELS, event.level);
  head.append(tag(isKnown ? event.level : "", isKnown ? LEVELS[event.level] : ""), originOf(event));
  if (times > 1) head.append(make("span", "times", `×${count(times)}`));
  head.append(timeElement(event.received));
  const text = make("p", "text", event.message);
  if (event.message.length > LONG_TEXT) {
    text.classList.add("long");
    text.tabIndex = 0;
  }
  item.replaceChildren(head, text);
  if (Object.keys(event.extras).length === 0) return;
  const details = make("details");
  details.append(make("summary", "", "Details"),
    make("pre", "mono", JSON.stringify(event.extras, null, 2)));
  item.append(details);
}

// Events that say the same.
const sameness = ({ cluster: of, node: by, level, priority: importance, message }) =>
  [of, by, level, importance, message].join("\n");

export class EventList {
  #items = new Map();  // by what they say: {item, event, ids}
  #ids = new Set();    // each event counts once, even if it is received twice
  #newest = 0;
  #oldest = Infinity;
  #shown = element("events");
  #hasOlder = false;

  newest() {
    return this.#newest;
  }

  // `restart` loads the list again.
  start(restart) {
    element("show-all").addEventListener("change", restart);
    element("event-level").addEventListener("change", restart);
    element("event-hours").addEventListener("change", restart);
    let typing = 0;
    element("event-filter").addEventListener("input", () => {
      clearTimeout(typing);
      typing = setTimeout(restart, TYPING);
    });
    element("low-show").addEventListener("click", () => {
      element("show-all").checked = true;
      restart();
    });
  }

  async load(signal) {
    const page = await ask("/api/events", wanted());
    if (signal.aborted) return;
    this.#items.clear();
    this.#ids.clear();
    this.#newest = 0;
    this.#oldest = Infinity;
    this.#shown.replaceChildren();
    this.#take(page.events);
    this.#settle(page.more);
    this.#countLow();
  }

  async loadOlder() {
    const page = await ask("/api/events", wanted({ before: this.#oldest }));
    this.#take(page.events);
    this.#settle(page.more);
  }

  // Adds new events; skips those of other nodes, and what the reader did not choose.
  add(events) {
    this.#lowSoon();
    const fresh = this.#take(events.slice(-MOST).filter(passes), "new");
    for (const { id } of events) this.#newest = Math.max(this.#newest, id);
    if (fresh.length === 0) return;
    this.#settle(this.#hasOlder);
    setText(element("news"), `${fresh.length} new: ${fresh.at(-1).message.slice(0, 200)}`);
  }

  #take(events, className) {
    const fresh = events.filter((event) => !this.#ids.has(event.id) &&
      (!node || event.node === node));
    for (const event of fresh) this.#insert(event, className);
    for (const { id } of events) {
      this.#newest = Math.max(this.#newest, id);
      this.#oldest = Math.min(this.#oldest, id);
    }
    return fresh;
  }

  // An event that was there already takes the place of the newest that says the same.
  #insert(event, className) {
    this.#ids.add(event.id);
    const key = sameness(event);
    const known = this.#items.get(key) ?? { item: make("li", event.priority), event, ids: [] };
    known.ids.push(event.id);
    if (event.id >= known.event.id) known.event = event;
    fill(known.item, known.event, known.ids.length);
    if (className && known.event === event) known.item.classList.add(className);
    known.item.dataset.id = known.event.id;
    if (!this.#items.has(key) || known.event === event) this.#place(known.item, known.event.id);
    this.#items.set(key, known);
  }

  #place(item, id) {
    const isNewest = id > this.#newest;
    const next = isNewest ? this.#shown.firstElementChild
      : [...this.#shown.children].find((other) => other !== item && Number(other.dataset.id) < id);
    if (next !== item) this.#shown.insertBefore(item, next ?? null);
    this.#newest = Math.max(this.#newest, id);
  }

  #lowSoon = soon(oneAtATime(() => this.#countLow()), LOW_INTERVAL);

  // How many are not shown for their priority.
  async #countLow() {
    const isHidden = priority() === "all";
    element("low-hidden").hidden = isHidden;
    if (isHidden) return;
    const { count: number, more } = await ask("/api/events/low", { cluster, node });
    element("low-hidden").hidden = number === 0 || priority() === "all";
    const some = `${count(number)}${more ? " or more" : ""}`;
    setText(element("low-count"), `${some} of low priority hidden`);
  }

  #dropOldest() {
    const oldest = this.#shown.lastElementChild;
    const [key, { ids }] = [...this.#items].find(([, { item }]) => item === oldest);
    for (const id of ids) this.#ids.delete(id);
    this.#items.delete(key);
    oldest.remove();
  }

  // After a change: updates what is beside the list, and limits its length.
  #settle(hasOlder) {
    this.#hasOlder = hasOlder;
    while (this.#items.size > MOST) this.#dropOldest();
    const isEmpty = this.#items.size === 0;
    const { level, text, hours } = chosen();
    const isFiltered = Boolean(level || text || hours);
    element("events-card").hidden = isEmpty;
    element("events-empty").hidden = !isEmpty || isFiltered;
    element("events-none").hidden = !isEmpty || !isFiltered;
    element("older").hidden = !hasOlder || this.#items.size >= MOST;
    if (isEmpty) return;
    const last = this.#shown.firstElementChild.querySelector("time");
    element("last-event").replaceChildren(timeElement(last.dateTime));
  }
}
