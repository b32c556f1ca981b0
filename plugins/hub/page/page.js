// page.js: the cluster page: shows nodes and events, and keeps them up to date without a reload.
// Everything that comes from a node is put on the page as text, never as markup.

const FIRST_EVENTS = 200;
const MOST_EVENTS = 2000; // on the page; older ones are dropped
const NODE_INTERVAL = 10_000;
const NODES_SOON = 1_000;
const CLOCK_INTERVAL = 5_000;
const ACTIVE_FOR = 15 * 60_000;
const RETRY_LEAST = 1_000;
const RETRY_MOST = 15_000;
const POLL_INTERVAL = 3_000;
const LONG_TEXT = 600;

const element = (id) => document.getElementById(id);
const cluster = decodeURIComponent(location.pathname.match(/^\/clusters\/(.+)$/)?.[1] ?? "");

// An address of the hub. Built on the origin: the page's own address may hold credentials, which
// a browser refuses to fetch with.
function address(path, parameters = {}) {
  const url = new URL(path, location.origin);
  if (cluster) url.searchParams.set("cluster", cluster);
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
  return url;
}

async function read(path, parameters) {
  const reply = await fetch(address(path, parameters), { signal: AbortSignal.timeout(20_000) });
  if (!reply.ok) throw new Error(`${path}: HTTP status ${reply.status}`);
  return reply.json();
}

function make(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

// Leaves the page alone, and with it the reader's selection, where nothing is new.
function replaceIfChanged(parent, children) {
  const isSame = parent.children.length === children.length &&
    children.every((child, index) => child.isEqualNode(parent.children[index]));
  if (!isSame) parent.replaceChildren(...children);
}

// ---- times ---------------------------------------------------------------------------------

const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "long" });

function ago(date) {
  const seconds = Math.round((date - Date.now()) / 1000);
  if (seconds > -5) return "just now";
  if (seconds > -60) return relative.format(seconds, "second");
  if (seconds > -3600) return relative.format(Math.round(seconds / 60), "minute");
  if (seconds > -86400) return relative.format(Math.round(seconds / 3600), "hour");
  return relative.format(Math.round(seconds / 86400), "day");
}

function timeElement(iso) {
  const made = make("time");
  made.dateTime = iso;
  made.title = exact.format(new Date(iso));
  made.textContent = ago(new Date(iso));
  return made;
}

function refreshTimes() {
  for (const time of document.querySelectorAll("time"))
    time.textContent = ago(new Date(time.dateTime));
}

// ---- nodes ---------------------------------------------------------------------------------

function nodeState(node) {
  if (!node.last_contact) return ["waiting", "Not seen yet"];
  const isActive = Date.now() - new Date(node.last_contact) < ACTIVE_FOR;
  return isActive ? ["ok", "In contact"] : ["", "Quiet"];
}

function nodeRow(node) {
  const row = make("tr");
  const name = make("th", "", node.name);
  name.scope = "row";
  const [stateClass, stateText] = nodeState(node);
  const state = make("td");
  state.append(make("span", `tag ${stateClass}`, stateText));
  const contact = make("td");
  contact.append(node.last_contact ? timeElement(node.last_contact) : "never");
  const instance = make("td", "mono", node.instance_id || "–");
  instance.title = node.instance_id;
  row.append(name);
  if (!cluster) row.append(make("td", "", node.cluster));
  row.append(state, contact, make("td", "", node.hostname || "–"),
    make("td", "mono", node.address || "–"), instance);
  return row;
}

async function refreshNodes() {
  const { nodes } = await read("/api/nodes");
  replaceIfChanged(element("nodes").tBodies[0], nodes.map(nodeRow));
  element("nodes-card").hidden = nodes.length === 0;
  element("nodes-empty").hidden = nodes.length > 0;
  element("node-total").textContent = nodes.length;
  const active = nodes.filter((node) => nodeState(node)[0] === "ok");
  element("node-active").textContent = active.length;
}

async function refreshClusters() {
  const reply = await fetch(new URL("/api/clusters", location.origin));
  if (!reply.ok) return;
  const { clusters } = await reply.json();
  const options = clusters.map(({ name, nodes }) => {
    const option = make("option", "", `${name} · ${nodes} ${nodes === 1 ? "node" : "nodes"}`);
    option.value = name;
    return option;
  });
  const all = make("option", "", "All clusters");
  all.value = "";
  replaceIfChanged(element("cluster"), [all, ...options]);
  element("cluster").value = cluster;
}

// ---- events --------------------------------------------------------------------------------

const LEVELS = { info: "Info", warn: "Warning", error: "Error" };

function eventItem(event) {
  const item = make("li", event.priority);
  item.dataset.id = event.id;
  const level = make("div");
  const known = Object.hasOwn(LEVELS, event.level);
  level.append(make("span", known ? `tag ${event.level}` : "tag", LEVELS[event.level] ?? ""));
  const body = make("div", "body");
  const text = make("p", "text", event.message);
  if (event.message.length > LONG_TEXT) {
    text.classList.add("long");
    text.tabIndex = 0;
  }
  const origin = [event.node];
  if (!cluster) origin.push(event.cluster);
  if (event.priority !== "medium") origin.push(`${event.priority} priority`);
  body.append(text, make("p", "origin", origin.join("  ·  ")));
  if (Object.keys(event.extras).length > 0) {
    const details = make("details");
    details.append(make("summary", "", "Details"),
      make("pre", "mono", JSON.stringify(event.extras, null, 2)));
    body.append(details);
  }
  item.append(level, body, timeElement(event.received));
  return item;
}

// The list on the page, newest first, each event once.
const list = {
  items: new Map(),
  newest: 0,

  clear() {
    this.items.clear();
    this.newest = 0;
    element("events").replaceChildren();
  },

  add(events, { isNews }) {
    const fresh = events.filter((event) => !this.items.has(event.id));
    for (const event of fresh) this.insert(event, isNews);
    while (this.items.size > MOST_EVENTS) this.dropOldest();
    element("events").hidden = this.items.size === 0;
    element("events-empty").hidden = this.items.size > 0;
    if (fresh.length === 0) return;
    const last = element("events").firstElementChild.querySelector("time");
    element("last-event").replaceChildren(timeElement(last.dateTime));
    const announced = fresh.at(-1).message.slice(0, 200);
    if (isNews) element("news").textContent = `${fresh.length} new: ${announced}`;
  },

  insert(event, isNews) {
    const item = eventItem(event);
    if (isNews) item.classList.add("new");
    const shown = element("events");
    const isNewest = event.id > this.newest;
    const next = isNewest ? shown.firstElementChild
      : [...shown.children].find((other) => Number(other.dataset.id) < event.id);
    shown.insertBefore(item, next ?? null);
    this.items.set(event.id, item);
    this.newest = Math.max(this.newest, event.id);
  },

  dropOldest() {
    const oldest = element("events").lastElementChild;
    this.items.delete(Number(oldest.dataset.id));
    oldest.remove();
  },

  oldest() {
    return Number(element("events").lastElementChild?.dataset.id ?? 0);
  },
};

const priority = () => (element("show-all").checked ? "all" : "medium");

async function loadNewest(signal) {
  const page = await read("/api/events", { priority: priority(), limit: FIRST_EVENTS });
  if (signal.aborted) return;
  list.clear();
  list.add(page.events, { isNews: false });
  element("older").hidden = !page.more;
}

async function loadOlder() {
  const wanted = { priority: priority(), limit: FIRST_EVENTS, before: list.oldest() };
  const page = await read("/api/events", wanted);
  list.add(page.events, { isNews: false });
  element("older").hidden = !page.more || list.items.size >= MOST_EVENTS;
}

// Fetches what arrived while there was no stream.
async function catchUp(signal) {
  for (;;) {
    const wanted = { priority: priority(), limit: 1000, after: list.newest };
    const page = await read("/api/events", wanted);
    if (signal.aborted) return;
    list.add(page.events, { isNews: true });
    if (!page.more || page.events.length === 0) return;
  }
}

// ---- staying up to date --------------------------------------------------------------------

const STATES = {
  connecting: "Connecting",
  live: "Live",
  polling: "Updated every few seconds",
  lost: "No answer from the hub, trying again",
};

function show(state) {
  element("connection").dataset.state = state;
  element("connection").textContent = STATES[state];
}

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

// Runs one stream to its end; whether it ever opened.
function stream(signal) {
  return new Promise((resolve) => {
    const wanted = { priority: priority(), after: list.newest };
    const source = new EventSource(address("/api/events/stream", wanted));
    let opened = false;
    const end = () => {
      source.close();
      signal.removeEventListener("abort", end);
      resolve(opened);
    };
    source.onopen = () => {
      opened = true;
      show("live");
    };
    source.onmessage = (message) => {
      list.add([JSON.parse(message.data)], { isNews: true });
      nodesSoon();
    };
    source.onerror = end;
    signal.addEventListener("abort", end);
  });
}

// Follows the events until `signal`: by a stream; while that cannot be had, by asking. It goes on
// after the last event it has shown, so that nothing is lost or shown twice.
async function follow(signal) {
  let isLoaded = false;
  let delay = RETRY_LEAST;
  while (!signal.aborted) {
    try {
      await (isLoaded ? catchUp(signal) : loadNewest(signal));
      isLoaded = true;
      if (signal.aborted) return;
      if (await stream(signal)) {
        delay = RETRY_LEAST;
      } else if (!signal.aborted) {
        show("polling");
        delay = POLL_INTERVAL;
      }
    } catch {
      if (signal.aborted) return;
      show("lost");
      delay = Math.min(delay * 2, RETRY_MOST);
    }
    if (!signal.aborted) await pause(delay);
  }
}

let following = new AbortController();

function followAnew() {
  following.abort();
  following = new AbortController();
  follow(following.signal);
}

let nodesTimer = 0;
let areNodesDue = false;

// New events mean that a node was in contact; many at once, that once is enough.
function nodesSoon() {
  if (areNodesDue) return;
  areNodesDue = true;
  clearTimeout(nodesTimer);
  nodesTimer = setTimeout(keepNodes, NODES_SOON);
}

async function keepNodes() {
  areNodesDue = false;
  try {
    await Promise.all([refreshNodes(), refreshClusters()]);
  } catch {
    // The state of the connection is shown by follow().
  }
  clearTimeout(nodesTimer);
  nodesTimer = setTimeout(keepNodes, areNodesDue ? NODES_SOON : NODE_INTERVAL);
}

function start() {
  element("title").textContent = cluster || "All clusters";
  document.title = `${cluster || "All clusters"} – jetpack hub`;
  for (const cell of document.querySelectorAll(".of-cluster")) cell.hidden = cluster !== "";
  element("cluster").addEventListener("change", (change) => {
    const chosen = change.target.value;
    const path = chosen ? `/clusters/${encodeURIComponent(chosen)}` : "/";
    location.assign(new URL(path, location.origin));
  });
  element("show-all").addEventListener("change", followAnew);
  element("older").addEventListener("click", () => loadOlder().catch(() => show("lost")));
  setInterval(refreshTimes, CLOCK_INTERVAL);
  keepNodes();
  followAnew();
}

start();
