// appearance.js: sets what the first paint depends on: light or dark, and the view.
(() => {
  const root = document.documentElement;
  let chosen = "";
  try {
    chosen = localStorage.getItem("appearance") ?? "";
  } catch {
    // Without storage the system's setting applies.
  }
  if (chosen === "light" || chosen === "dark") root.dataset.appearance = chosen;
  const [, cluster, node] =
    location.pathname.match(/^\/clusters\/([^/]+)(?:\/nodes\/([^/]+))?$/) ?? [];
  root.dataset.view = node ? "node" : cluster ? "cluster" : "all";
})();
