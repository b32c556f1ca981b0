// nodes.js: the list of a cluster's nodes: filtered, sorted, and drawn only where it is visible, so
// that a large cluster costs no more of the page than a small one.
import { count, element, make, nodePath, setText } from "./dom.js";
import { actOn, copyNames } from "./actions.js";
import { Columns } from "./columns.js";
import { compile } from "./filter.js";
import { oneAtATime, soon } from "./hub.js";
import { recall, remember } from "./memory.js";
import { Nodes, comparison, orderOf } from "./node-data.js";
import { fill } from "./node-row.js";

const MOST_SINGLE = 8;  // changed nodes that are fetched one by one, rather than all again
const SOON = 250;       // changes that are as close together are one
const REST = 10;        // times as long as a whole fetch took, until the next one
const LONGEST_REST = 60_000;
const MOST_PROPERTIES = 8; // read with the nodes
const SPARE_ROWS = 6;   // drawn above and below what is visible

export class NodeList {
  #nodes = new Nodes();
  #view = [];          // the nodes that pass the filter, in order
  #rows = new Map();   // what is drawn: by name
  #active = "";        // the name of the node that the arrow keys are at
  #filter = { text: "", phase: "", condition: "" };
  #order = { by: "worst", isReversed: false };
  #compiled = compile("");
  #shared = "";        // a property that another part of the page needs
  #columns = new Columns(() => this.#columnsChanged());
  #grid = element("nodes");
  #body = element("node-rows");
  #isLoaded = false;
  #isReading = false;   // a property
  #reading = 0;
  #changed = new Set(); // the names of nodes that are to be fetched again
  #isAllDue = false;
  #restUntil = 0;
  #resting = 0;
  #onFilter;
  #onNodes;

  // `onFilter` is called with {phase, condition} when the filter changes, `onNodes` with all nodes
  // when they do.
  constructor(onFilter, onNodes) {
    this.#onFilter = onFilter;
    this.#onNodes = onNodes;
  }

  start() {
    this.#readUrl();
    element("node-filter").value = this.#filter.text;
    element("node-filter").addEventListener("input", () => {
      this.#filter.text = element("node-filter").value;
      this.#filterChanged();
    });
    element("node-filter").addEventListener("keydown", (key) => this.#filterKey(key));
    element("node-clear").addEventListener("click", () => this.#clear());
    element("copy-names").addEventListener("click", () => copyNames(this.#names()));
    element("act").addEventListener("click", () => actOn(this.#names()));
    element("node-columns").addEventListener("click", (click) => this.#sortBy(click));
    this.#grid.addEventListener("keydown", (key) => this.#gridKey(key));
    this.#grid.addEventListener("scroll", () => this.#draw(), { passive: true });
    this.#body.addEventListener("click", (click) => this.#rowClicked(click));
    new ResizeObserver(() => this.#draw()).observe(this.#grid);
    this.#columns.start();
    this.#showOrder();
    this.#compile();
    this.#onFilter(this.#filter);
  }

  // The property that the rest of the page needs, "" for none.
  wantProperty(key) {
    this.#shared = key;
    this.#needProperties();
  }

  // Shows the nodes that a text selects.
  search(text) {
    element("node-filter").value = text;
    this.#filter = { text, phase: "", condition: "" };
    this.#filterChanged();
    element("nodes-heading").scrollIntoView({ block: "nearest" });
  }

  // Fetches all nodes, as soon as the rest is over.
  refresh() {
    this.#isAllDue = true;
    this.#fetch();
  }

  // Fetches the node again, soon; all of them when many have changed.
  changed(name) {
    this.#changed.add(name);
    this.#fetchSoon();
  }

  #fetch = oneAtATime(() => this.#fetchDue());
  #fetchSoon = soon(this.#fetch, SOON);

  async #fetchDue() {
    const names = new Set(this.#changed);
    this.#changed.clear();
    try {
      if (names.size > MOST_SINGLE || !await this.#nodes.loadSome(names)) this.#isAllDue = true;
      else if (names.size > 0) {
        this.#update();
        this.#noteNodes();
      }
      if (this.#isAllDue) await this.#fetchAll();
    } catch (failure) {
      this.#isAllDue = true;
      throw failure;
    }
  }

  async #fetchAll() {
    const rest = this.#restUntil - performance.now();
    if (rest > 0) {
      clearTimeout(this.#resting);
      this.#resting = setTimeout(() => this.#fetch(), rest);
      return;
    }
    this.#isAllDue = false;
    const begun = performance.now();
    const { properties } = this.#nodes;
    await this.#nodes.load(() => this.#isLoaded || this.#update());
    const took = performance.now() - begun;
    this.#restUntil = begun + took + Math.min(REST * took, LONGEST_REST);
    this.#isLoaded = true;
    if (this.#nodes.properties === properties) this.#isReading = false;
    this.#update();
    this.#noteNodes();
  }

  // For what is drawn from all nodes.
  #noteNodes = soon(() => this.#onNodes([...this.#nodes.all.values()]), SOON);

  // An event of a node is a contact with it; no request is needed.
  heardFrom(name, time) {
    const node = this.#nodes.all.get(name);
    if (!node || node.contact >= Date.parse(time)) return;
    node.last_contact = time;
    node.contact = Date.parse(time);
    const drawn = this.#rows.get(name);
    if (drawn) drawn.node = null;
    this.#redrawSoon();
  }

  #redrawSoon = soon(() => {
    if (this.#order.by === "contact") this.#update();
    else this.#draw();
  }, 4 * SOON);

  #columnsChanged() {
    this.#showOrder();
    this.#needProperties();
    this.redraw();
  }

  // Keep-alives expire and nodes become quiet without a change.
  redraw() {
    for (const drawn of this.#rows.values()) drawn.node = null;
    this.#draw();
  }

  narrow(kind, name) {
    this.#filter[kind] = name;
    this.#filterChanged();
  }

  // ---- filter and order --------------------------------------------------------------------

  #readUrl() {
    const wanted = new URLSearchParams(location.search);
    this.#filter = { text: wanted.get("q") ?? "", phase: wanted.get("phase") ?? "",
      condition: wanted.get("condition") ?? "" };
    const sort = wanted.get("sort") ?? recall("sort") ?? "worst";
    const by = sort.replace(/^-/, "");
    if (orderOf(by)) this.#order = { by, isReversed: sort.startsWith("-") };
  }

  // The URL holds the filter, so that it can be shared and Back restores it.
  #writeUrl() {
    const url = new URL(location.pathname, location.origin);
    const { by, isReversed } = this.#order;
    const sort = (isReversed ? "-" : "") + by;
    const wanted = { q: this.#filter.text, phase: this.#filter.phase,
      condition: this.#filter.condition, sort: sort === "worst" ? "" : sort };
    for (const [name, value] of Object.entries(wanted))
      if (value) url.searchParams.set(name, value);
    history.replaceState(null, "", url.pathname + url.search);
    remember("sort", sort);
  }

  #compile() {
    this.#compiled = compile(this.#filter.text);
    this.#needProperties();
  }

  // Fetches all nodes again when the filter or the page needs a property that is not there yet.
  #needProperties() {
    const had = new Set(this.#nodes.properties.split(",").filter(Boolean));
    const wanted = [...this.#compiled.properties, this.#shared, ...this.#columns.properties].filter((key) => key &&
      !key.includes(","));
    if (wanted.every((key) => had.has(key))) return;
    this.#nodes.properties = [...new Set([...wanted, ...had])].slice(0, MOST_PROPERTIES).join(",");
    this.#restUntil = 0;
    this.#isReading = true;
    clearTimeout(this.#reading);
    this.#reading = setTimeout(() => this.refresh(), SOON); // until the word is typed
  }

  #filterChanged() {
    this.#compile();
    this.#writeUrl();
    this.#onFilter(this.#filter);
    this.#grid.scrollTop = 0;
    this.#update();
  }

  #clear() {
    element("node-filter").value = "";
    this.#filter = { text: "", phase: "", condition: "" };
    this.#filterChanged();
    element("node-filter").focus();
  }

  #filterKey(key) {
    if (key.key === "Escape") this.#clear();
    else if (key.key === "ArrowDown" || key.key === "Enter") this.#enterGrid();
    else return;
    key.preventDefault();
  }

  #enterGrid() {
    if (this.#view.length === 0) return;
    this.#grid.focus();
    this.#moveTo(0);
  }

  #passes(node) {
    const { phase, condition } = this.#filter;
    return (!phase || node.state === phase) &&
      (!condition || (node.conditions ?? []).some(({ status }) => status === condition)) &&
      this.#compiled.passes(node);
  }

  #sortBy(click) {
    const by = click.target.closest("button")?.dataset.by;
    if (!by) return;
    this.#order = { by, isReversed: this.#order.by === by && !this.#order.isReversed };
    this.#showOrder();
    this.#writeUrl();
    this.#grid.scrollTop = 0;
    this.#update();
  }

  #showOrder() {
    const { by, isReversed } = this.#order;
    for (const button of element("node-columns").querySelectorAll("button")) {
      const heading = button.parentElement;
      if (button.dataset.by !== by) heading.removeAttribute("aria-sort");
      else heading.setAttribute("aria-sort", isReversed ? "descending" : "ascending");
    }
  }

  #update() {
    this.#view = [...this.#nodes.all.values()].filter((node) => this.#passes(node))
      .sort(comparison(this.#order));
    this.#draw();
    this.#showCount();
  }

  #showCount() {
    const { text, phase, condition } = this.#filter;
    const isFiltered = Boolean(text || phase || condition);
    const known = this.#nodes.all.size;
    element("node-clear").hidden = !isFiltered;
    element("nodes-card").hidden = known === 0;
    element("nodes-empty").hidden = known > 0 || !this.#isLoaded;
    element("nodes-none").hidden = this.#view.length > 0 || known === 0;
    setText(element("nodes-none-text"),
      this.#isReading ? "Reading properties…" : "No node matches.");
    const some = `${count(this.#view.length)} ${this.#view.length === 1 ? "node" : "nodes"}`;
    setText(element("copy-names"), `Copy names of ${some}`);
    setText(element("act"), `Act on ${some}…`);
    for (const id of ["copy-names", "act"]) element(id).hidden = this.#view.length === 0;
    setText(element("node-count"), isFiltered ? `${count(this.#view.length)} of ${count(known)}`
      : count(known));
  }

  #names() {
    return this.#view.map(({ name }) => name);
  }

  // ---- drawing -------------------------------------------------------------------------------

  #rowHeight() {
    return parseFloat(getComputedStyle(this.#grid).getPropertyValue("--row"));
  }

  #draw() {
    const height = this.#rowHeight();
    this.#body.style.height = `${this.#view.length * height}px`;
    this.#grid.setAttribute("aria-rowcount", this.#view.length + 1);
    const first = Math.max(0, Math.floor(this.#grid.scrollTop / height) - SPARE_ROWS);
    const seen = Math.ceil(this.#grid.clientHeight / height) + 2 * SPARE_ROWS;
    const shown = this.#view.slice(first, first + seen);
    const gone = new Set(this.#rows.keys());
    shown.forEach((node, index) => {
      this.#drawRow(node, first + index, height);
      gone.delete(node.name);
    });
    for (const name of gone) {
      this.#rows.get(name).row.remove();
      this.#rows.delete(name);
    }
    this.#inOrder(shown);
    this.#markActive();
  }

  #drawRow(node, index, height) {
    let drawn = this.#rows.get(node.name);
    if (!drawn) {
      const row = make("div", "row");
      row.setAttribute("role", "row");
      row.dataset.name = node.name;
      drawn = { row, node: null };
      this.#rows.set(node.name, drawn);
    }
    if (drawn.node !== node) fill(drawn.row, node, this.#columns.properties);
    drawn.node = node;
    drawn.row.setAttribute("aria-rowindex", index + 2);
    drawn.row.style.transform = `translateY(${index * height}px)`;
  }

  // A screen reader reads the rows in document order.
  #inOrder(shown) {
    let next = this.#body.firstElementChild;
    for (const node of shown) {
      const { row } = this.#rows.get(node.name);
      if (row === next) next = next.nextElementSibling;
      else this.#body.insertBefore(row, next);
    }
  }

  #markActive() {
    for (const [name, { row }] of this.#rows) {
      const isActive = name === this.#active;
      row.classList.toggle("active", isActive);
      if (isActive) row.id = "node-active-row";
      else row.removeAttribute("id");
    }
    if (this.#rows.has(this.#active))
      this.#grid.setAttribute("aria-activedescendant", "node-active-row");
    else this.#grid.removeAttribute("aria-activedescendant");
  }

  // ---- keyboard and mouse --------------------------------------------------------------------

  #gridKey(key) {
    if (key.target !== this.#grid || key.ctrlKey || key.altKey || key.metaKey) return;
    const at = this.#view.findIndex(({ name }) => name === this.#active);
    const page = Math.max(1, Math.floor(this.#grid.clientHeight / this.#rowHeight()) - 2);
    const last = this.#view.length - 1;
    const moves = { ArrowDown: at + 1, ArrowUp: Math.max(0, at - 1), PageDown: at + page,
      PageUp: Math.max(0, at - page), Home: 0, End: last };
    if (Object.hasOwn(moves, key.key) && last >= 0) {
      this.#moveTo(Math.min(moves[key.key], last));
      key.preventDefault();
    } else if (key.key === "Enter" && at >= 0) {
      this.#open(this.#view[at]);
    }
  }

  #moveTo(index) {
    this.#active = this.#view[index].name;
    const height = this.#rowHeight();
    const head = element("node-columns").offsetHeight;
    const top = index * height;
    const seen = this.#grid.clientHeight - head;
    if (top < this.#grid.scrollTop) this.#grid.scrollTop = top;
    else if (top + height > this.#grid.scrollTop + seen) this.#grid.scrollTop = top + height - seen;
    this.#draw();
  }

  #rowClicked(click) {
    const name = click.target.closest(".row")?.dataset.name;
    if (!name) return;
    this.#active = name;
    this.#markActive();
  }

  #open(node) {
    location.assign(new URL(nodePath(node.cluster, node.name), location.origin));
  }
}
