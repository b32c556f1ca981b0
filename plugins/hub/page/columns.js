// columns.js: which columns the list of nodes has: as many as there is room for, or those that the
// reader chose, which may be properties.
import { element, make, replaceIfChanged } from "./dom.js";
import { recall, remember } from "./memory.js";

// Each with its least width in rem, and its share of what is left.
const FIXED = [[7, 1.2], [6.4, 0], [6, 1.2], [9, 2.4], [7.4, 0]];
const OPTIONAL = new Map([["since", ["Phase since", 7.4, 0]], ["keepalive", ["Keep-alive", 5.6, 0]],
  ["array", ["Node array", 4, .6]], ["hostname", ["Hostname", 6, .9]], ["address", ["Address", 7.5, 0]],
  ["version", ["Version", 8.2, 0]], ["instance", ["Instance", 6, .7]]]);
const PROPERTY = [5, .7];
const GAP = .75;           // between columns, and at both ends; as page.css has it
const MOST_PROPERTIES = 4;
const MEMORY = "columns";

export class Columns {
  #chosen = null;   // names of optional columns; null: by the width
  #properties = []; // keys
  #grid = element("nodes");
  #onChange;

  // `onChange` is called when other columns are shown.
  constructor(onChange) {
    this.#onChange = onChange;
  }

  get properties() {
    return this.#properties;
  }

  start() {
    this.#restore();
    for (const [name, [label]] of OPTIONAL) this.#addChoice(name, label);
    element("column-add").addEventListener("submit", (submit) => this.#addProperty(submit));
    element("column-reset").addEventListener("click", () => this.#choose(null, []));
    element("column-menu").addEventListener("toggle", () => this.#showChoices());
    element("column-menu").addEventListener("keydown", (key) => {
      if (key.key !== "Escape") return;
      element("column-menu").open = false;
      element("column-menu").firstElementChild.focus();
    });
    document.addEventListener("click", (click) => {
      if (!click.composedPath().includes(element("column-menu"))) element("column-menu").open = false;
    });
    this.#apply();
  }

  #restore() {
    try {
      const { chosen, properties } = JSON.parse(recall(MEMORY)) ?? {};
      if (Array.isArray(chosen)) this.#chosen = chosen.filter((name) => OPTIONAL.has(name));
      if (Array.isArray(properties) && this.#chosen)
        this.#properties = properties.filter((key) => typeof key === "string")
          .slice(0, MOST_PROPERTIES);
    } catch {
      // What is not ours is not used.
    }
  }

  // The names of the optional columns that are visible now, chosen or not.
  #visible() {
    return this.#chosen ?? [...OPTIONAL.keys()].filter((name) =>
      getComputedStyle(this.#grid.querySelector(`.cell.${name}`)).display !== "none");
  }

  #choose(chosen, properties) {
    this.#chosen = chosen;
    this.#properties = properties;
    remember(MEMORY, JSON.stringify({ chosen, properties }));
    this.#apply();
    this.#onChange();
  }

  #toggle(name, isShown) {
    const others = this.#visible().filter((other) => other !== name);
    this.#choose(isShown ? [...others, name] : others, this.#properties);
  }

  #addProperty(submit) {
    submit.preventDefault();
    const key = element("column-property").value.trim();
    if (!key || key.includes(",") || this.#properties.includes(key) ||
      this.#properties.length === MOST_PROPERTIES) return;
    element("column-property").value = "";
    this.#choose(this.#visible(), [...this.#properties, key]);
  }

  #addChoice(name, label) {
    const box = make("input");
    box.type = "checkbox";
    box.dataset.column = name;
    box.addEventListener("change", () => this.#toggle(name, box.checked));
    const made = make("label", "choice");
    made.append(box, label);
    element("column-choices").append(made);
  }

  #showChoices() {
    const visible = new Set(this.#visible());
    for (const box of element("column-choices").querySelectorAll("input"))
      box.checked = visible.has(box.dataset.column);
    replaceIfChanged(element("column-properties"), this.#properties.map((key) => {
      const button = make("button", "chip", key);
      button.type = "button";
      button.title = `Remove the column ${key}`;
      button.addEventListener("click", () =>
        this.#choose(this.#visible(), this.#properties.filter((other) => other !== key)));
      return button;
    }));
    element("column-add").hidden = this.#properties.length === MOST_PROPERTIES;
  }

  #apply() {
    const shown = new Set(this.#chosen ?? []);
    this.#grid.classList.toggle("chosen", this.#chosen !== null);
    for (const name of OPTIONAL.keys())
      this.#grid.classList.toggle(`without-${name}`, this.#chosen !== null && !shown.has(name));
    const widths = [...FIXED,
      ...[...OPTIONAL].filter(([name]) => shown.has(name)).map(([, [, ...width]]) => width),
      ...this.#properties.map(() => PROPERTY)];
    this.#grid.style.setProperty("--columns",
      widths.map(([least, share]) => (share ? `minmax(${least}rem, ${share}fr)` : `${least}rem`)).join(" "));
    const least = widths.reduce((sum, [width]) => sum + width + GAP, GAP);
    this.#grid.style.setProperty("--least", `${least}rem`);
    this.#showHeadings();
    this.#showChoices();
  }

  #showHeadings() {
    const row = element("node-columns");
    for (const old of row.querySelectorAll(".property")) old.remove();
    for (const key of this.#properties) {
      const heading = make("div", "cell optional property");
      heading.setAttribute("role", "columnheader");
      const button = make("button", "", key);
      button.type = "button";
      button.dataset.by = `property:${key}`;
      heading.append(button);
      row.append(heading);
    }
  }
}
