// dom.js: elements, states and numbers. All data from nodes gets onto the page through here,
// as text, never as markup.

export const element = (id) => document.getElementById(id);

export function make(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

export function tag(kind, text) {
  return make("span", kind ? `tag ${kind}` : "tag", text);
}

// Leaves the page, and with it the reader's selection, alone where nothing has changed.
export function replaceIfChanged(parent, children) {
  const isSame = parent.children.length === children.length &&
    children.every((child, index) => child.isEqualNode(parent.children[index]));
  if (!isSame) parent.replaceChildren(...children);
}

export function setText(target, text) {
  if (target.textContent !== text) target.textContent = text;
}

export function link(path, text) {
  const made = make("a", "", text);
  made.href = path;
  return made;
}

export const clusterPath = (cluster) => `/clusters/${encodeURIComponent(cluster)}`;
export const nodePath = (cluster, node) =>
  `${clusterPath(cluster)}/nodes/${encodeURIComponent(node)}`;

// Compares texts so that execute-9 comes before execute-10.
export const natural = new Intl.Collator("en", { numeric: true });

const whole = new Intl.NumberFormat("en");
export const count = (number) => whole.format(number);

// ---- states ----------------------------------------------------------------------------------

// Worst first, each with its tag. Others are shown as they are, without a colour.
export const STATES = new Map([["Failed", "error"], ["Silent", "silent"], ["Still talks", "warn"],
  ["Stopping", "warn"], ["Installing", "info"], ["Preparing", "waiting"], ["Ready", "ok"],
  ["Off", "idle"], ["Terminated", "idle"]]);
export const CONDITIONS = new Map([["Error", "error"], ["Warning", "warn"], ["NA", "idle"],
  ["OK", "ok"]]);

// The position in a map's order; unknown keys come last.
export function rank(order, name) {
  const place = [...order.keys()].indexOf(name);
  return place < 0 ? order.size : place;
}
