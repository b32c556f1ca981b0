// page.js: the cluster page: assembles its parts and keeps them up to date without a reload.
import { showAccount } from "./account.js";
import { Chart } from "./chart.js";
import { startActions } from "./actions.js";
import { element, make } from "./dom.js";
import { EventList, priority } from "./events.js";
import { startFind } from "./find.js";
import { Follower, cluster, isLive, node, oneAtATime, soon } from "./hub.js";
import { startKeys } from "./keys.js";
import { startLayout } from "./layout.js";
import { remember } from "./memory.js";
import { NodeView } from "./node.js";
import { NodeList } from "./nodes.js";
import { Problems } from "./problems.js";
import { Summary, refreshClusters } from "./summary.js";
import { chooseTimes, refreshTimes } from "./times.js";

const CLOCK_INTERVAL = 5_000;
const REDRAW_INTERVAL = 30_000;
const SOON = 250;             // many changes at once are one
const REFRESH_LIVE = 60_000;  // though a stream tells of changes: what it missed
const REFRESH_ASKING = 10_000;

const events = new EventList();

// ---- the views: what each refreshes, and how it handles a change --------------------------------

function allView() {
  const refresh = oneAtATime(refreshClusters);
  const refreshSoon = soon(refresh, 8 * SOON);
  startFind();
  return { refresh, changed: refreshSoon, heard: () => {}, redraw: () => {} };
}

function clusterView() {
  const nodes = new NodeList((filter) => {
    summary.chosen = { phase: filter.phase, condition: filter.condition };
  }, (all) => problems.show(all));
  const problems = new Problems((text) => nodes.search(text), (key) => nodes.wantProperty(key));
  const summary = new Summary((kind, name) => nodes.narrow(kind, name));
  const chart = new Chart();
  const refreshSummary = oneAtATime(() => summary.refresh());
  const refreshTargets = oneAtATime(() => chart.refresh());
  const refreshChoice = oneAtATime(refreshClusters);
  const refreshProperties = oneAtATime(() => problems.refreshChoice());
  const summarySoon = soon(refreshSummary, 2 * SOON);
  const targetsSoon = soon(refreshTargets, SOON);

  summary.start();
  nodes.start();
  problems.start();
  chart.start();
  return {
    refresh() {
      refreshSummary();
      nodes.refresh();
      refreshTargets();
      refreshChoice();
      refreshProperties();
    },
    changed({ what, node: name }) {
      if (what === "all") return this.refresh();
      if (what === "targets") return targetsSoon();
      nodes.changed(name);
      summarySoon();
    },
    heard(event) {
      nodes.heardFrom(event.node, event.received);
    },
    redraw() {
      chart.redraw();
      nodes.redraw();
    },
  };
}

function nodeView() {
  const view = new NodeView();
  const refresh = oneAtATime(() => view.refresh());
  const refreshSoon = soon(refresh, SOON);
  const refreshChoice = oneAtATime(refreshClusters);
  view.start();
  return {
    refresh() {
      refresh();
      refreshChoice();
    },
    changed({ what, node: name }) {
      if (what === "all" || name === node) refreshSoon();
    },
    heard(event) {
      if (event.node === node) refreshSoon();
    },
    redraw: () => {},
  };
}

// ---- the page ----------------------------------------------------------------------------------

function chooseAppearance() {
  const choice = element("appearance");
  choice.value = document.documentElement.dataset.appearance ?? "";
  choice.addEventListener("change", () => {
    if (choice.value) document.documentElement.dataset.appearance = choice.value;
    else delete document.documentElement.dataset.appearance;
    remember("appearance", choice.value);
  });
}

function chooseCluster() {
  if (cluster) {
    const option = make("option", "", cluster);
    option.value = cluster;
    element("cluster").append(option);
    element("cluster").value = cluster;
  }
  element("cluster").addEventListener("change", (change) => {
    const chosen = change.target.value;
    const path = chosen ? `/clusters/${encodeURIComponent(chosen)}` : "/";
    location.assign(new URL(path, location.origin));
  });
}

function start() {
  const title = node || cluster || "All clusters";
  element("title").textContent = title;
  document.title = `${title} – jetpack hub`;
  chooseAppearance();
  chooseCluster();
  showAccount().catch(() => {});
  const view = node ? nodeView() : cluster ? clusterView() : allView();
  const follower = new Follower({
    priority,
    newest: () => events.newest(),
    load: (signal) => events.load(signal),
    add(news) {
      events.add(news);
      for (const event of news) view.heard(event);
    },
    changed(change) {
      if (!cluster || !change.cluster || change.cluster === cluster) view.changed(change);
    },
  });
  events.start(() => follower.start());
  chooseTimes(() => view.redraw());
  startActions();
  startLayout();
  startKeys();
  element("older").addEventListener("click", () => events.loadOlder().catch(() => {}));
  view.refresh();
  follower.start();
  setInterval(refreshTimes, CLOCK_INTERVAL);
  setInterval(() => view.redraw(), REDRAW_INTERVAL);
  let refreshed = Date.now();
  setInterval(() => {
    const interval = isLive() ? REFRESH_LIVE : REFRESH_ASKING;
    if (document.hidden || Date.now() - refreshed < interval) return;
    refreshed = Date.now();
    view.refresh();
  }, REFRESH_ASKING);
}

start();
