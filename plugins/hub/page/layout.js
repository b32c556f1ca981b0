// layout.js: what the reader folds away, remembered, and the height that the list of nodes takes.
import { element } from "./dom.js";
import { recall, remember } from "./memory.js";

const BELOW = 76; // pixels: so much of what follows the list can be seen

// Makes the button NAME-fold hide and show NAME-body.
function startFolding(name, isFolded) {
  const button = element(`${name}-fold`);
  const show = (isOpen) => {
    button.setAttribute("aria-expanded", String(isOpen));
    element(`${name}-body`).hidden = !isOpen;
  };
  show((recall(`${name}-fold`) ?? (isFolded ? "folded" : "open")) !== "folded");
  button.addEventListener("click", () => {
    const isOpen = button.getAttribute("aria-expanded") !== "true";
    remember(`${name}-fold`, isOpen ? "open" : "folded");
    show(isOpen);
  });
}

// What is above the list leaves it the rest of the window.
function fitNodes() {
  const above = element("nodes").getBoundingClientRect().top + scrollY;
  document.documentElement.style.setProperty("--list-height", `${innerHeight - above - BELOW}px`);
}

export function startLayout() {
  startFolding("targets", false);
  startFolding("events", false);
  startFolding("configuration", true);
  const observer = new ResizeObserver(fitNodes);
  for (const id of ["overview", "problems-section", "nodes-head", "nodes-card"])
    observer.observe(element(id));
  addEventListener("resize", fitNodes);
}
