// find.js: finds a node in all clusters, by a part of its name, host name, address or instance.
import { STATES, clusterPath, element, link, make, nodePath, replaceIfChanged, setText,
  tag } from "./dom.js";
import { ask, oneAtATime } from "./hub.js";
import { timeElement } from "./times.js";

const MOST = 50;
const TYPING = 200;

function foundRow({ cluster, name, state, hostname, address, last_contact: contact }) {
  const row = make("tr");
  const heading = make("th");
  heading.scope = "row";
  heading.append(link(nodePath(cluster, name), name));
  const of = make("td");
  of.append(link(clusterPath(cluster), cluster));
  const phase = make("td");
  phase.append(tag(STATES.get(state) ?? "", state));
  const heard = make("td");
  heard.append(contact ? timeElement(contact) : "never");
  row.append(heading, of, phase, make("td", "", hostname || "–"),
    make("td", "mono", address || "–"), heard);
  return row;
}

async function find() {
  const text = element("find").value.trim();
  const { nodes, more } = text ? await ask("/api/nodes", { text, limit: MOST })
    : { nodes: [], more: false };
  replaceIfChanged(element("found").tBodies[0], nodes.map(foundRow));
  element("found-card").hidden = nodes.length === 0;
  setText(element("found-text"), !text || nodes.length > 0 && !more ? ""
    : more ? `The first ${MOST} that match` : `No node matches '${text}'.`);
}

export function startFind() {
  const findNow = oneAtATime(find);
  let typing = 0;
  element("find").addEventListener("input", () => {
    clearTimeout(typing);
    typing = setTimeout(findNow, TYPING);
  });
  // Enter opens the only one, or goes to the first.
  element("find").addEventListener("keydown", async (key) => {
    if (key.key !== "Enter") return;
    clearTimeout(typing);
    await findNow();
    const links = element("found").querySelectorAll("th a");
    if (links.length === 1) links[0].click();
    else links[0]?.focus();
  });
}
