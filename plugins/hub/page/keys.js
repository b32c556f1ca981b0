// keys.js: keys for the whole page; "?" shows them.
import { element } from "./dom.js";

const FILTERS = ["node-filter", "properties-filter", "find"];

// The filter of this view.
function toFilter() {
  const filter = FILTERS.map(element).find((found) => found.checkVisibility());
  filter?.focus();
  filter?.select();
  return Boolean(filter);
}

// The list of nodes knows the arrows.
function inList(arrow) {
  const list = element("nodes");
  if (!list.checkVisibility()) return false;
  list.focus();
  list.dispatchEvent(new KeyboardEvent("keydown", { key: arrow, cancelable: true }));
  return true;
}

const KEYS = {
  "/": toFilter,
  j: () => inList("ArrowDown"),
  k: () => inList("ArrowUp"),
  "?": () => {
    element("keys").showModal();
    return true;
  },
};

export function startKeys() {
  document.addEventListener("keydown", (key) => {
    const isTyping = key.target.matches("input:not([type=checkbox]), select, textarea");
    if (isTyping || key.ctrlKey || key.altKey || key.metaKey || !Object.hasOwn(KEYS, key.key)) return;
    if (document.querySelector("dialog[open]") === null && KEYS[key.key]()) key.preventDefault();
  });
}
