// values.js: a tree of values as a table, a row for each, with a filter.
import { count, element, make, natural, replaceIfChanged, setText } from "./dom.js";

const MOST_ROWS = 500; // the filter finds the others
const MOST_DEPTH = 32;

// [path, text] for each value of a tree.
function* flattened(value, path, depth = 0) {
  const children = value !== null && typeof value === "object" ? Object.values(value) : [];
  const isPlainList = Array.isArray(value) && !children.some((child) => child instanceof Object);
  if (children.length === 0 || isPlainList || depth >= MOST_DEPTH) {
    yield [path, typeof value === "string" ? value : JSON.stringify(value)];
    return;
  }
  for (const [name, child] of Object.entries(value))
    yield* flattened(child, path ? `${path}.${name}` : name, depth + 1);
}

// Shows a tree in the elements NAME (the table), NAME-card, NAME-filter, NAME-count, NAME-more and
// NAME-empty, which says `none` where there are no values.
export class Values {
  #name;
  #none;
  #values = [];

  constructor(name, none) {
    this.#name = name;
    this.#none = none;
  }

  start() {
    this.#part("filter").addEventListener("input", () => this.#draw());
  }

  show(tree) {
    this.#values = [...flattened(tree ?? {}, "")].filter(([path]) => path)
      .sort(([a], [b]) => natural.compare(a, b));
    this.#draw();
  }

  #part(name) {
    return element(`${this.#name}-${name}`);
  }

  #draw() {
    const word = this.#part("filter").value.toLowerCase();
    const found = this.#values.filter((pair) =>
      pair.some((text) => text.toLowerCase().includes(word)));
    const rows = found.slice(0, MOST_ROWS).map(([path, text]) => {
      const row = make("tr");
      const name = make("th", "mono", path);
      name.scope = "row";
      row.append(name, make("td", "mono", text));
      return row;
    });
    replaceIfChanged(element(this.#name).tBodies[0], rows);
    this.#part("card").hidden = rows.length === 0;
    this.#part("empty").hidden = rows.length > 0;
    setText(this.#part("empty"), this.#values.length > 0 ? "Nothing matches." : this.#none);
    const left = found.length - rows.length;
    setText(this.#part("more"), left > 0 ? `and ${count(left)} more` : "");
    setText(this.#part("count"), count(found.length));
  }
}
