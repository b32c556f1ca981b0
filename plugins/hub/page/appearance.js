// appearance.js: what must be known before the first paint: light or dark, and which view it is.
(() => {
  const root = document.documentElement;
  let chosen = "";
  try {
    chosen = localStorage.getItem("appearance") ?? "";
  } catch {
    // Without storage the system's choice holds.
  }
  if (chosen === "light" || chosen === "dark") root.dataset.appearance = chosen;
  const [, cluster, node] =
    location.pathname.match(/^\/clusters\/([^/]+)(?:\/nodes\/([^/]+))?$/) ?? [];
  root.dataset.view = node ? "node" : cluster ? "cluster" : "all";
})();
