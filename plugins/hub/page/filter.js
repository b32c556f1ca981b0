// filter.js: the language of the node filter: words, key:value, -word, node sets.
import { expand } from "./nodeset.js";

const FACTS = { name: "name", node: "name", host: "hostname", hostname: "hostname",
  address: "address", ip: "address", instance: "instance_id", array: "nodearray",
  nodearray: "nodearray", version: "version" };
const STATUSES = new Set(["error", "warning", "na", "ok"]);

// Words, where "..." may contain spaces.
function tokens(text) {
  return text.match(/(?:[^\s"]+|"[^"]*"?)+/g) ?? [];
}

const unquoted = (text) => text.replaceAll('"', "");

// Whether a text is the value, in which * stands for anything; an empty value is any text.
function equals(value) {
  if (value === "") return (text) => Boolean(text);
  if (!value.includes("*")) return (text) => String(text ?? "").toLowerCase() === value;
  const pattern = new RegExp(`^${value.split("*").map(escaped).join(".*")}$`, "s");
  return (text) => pattern.test(String(text ?? "").toLowerCase());
}

function escaped(text) {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}

// "lustre" or "lustre:error": a condition of this name with that status, else with a bad one.
function conditionTest(value) {
  const colon = value.lastIndexOf(":");
  const hasStatus = colon >= 0 && STATUSES.has(value.slice(colon + 1));
  const isName = equals(hasStatus ? value.slice(0, colon) : value);
  const status = hasStatus ? value.slice(colon + 1) : "";
  return (node) => (node.conditions ?? []).some((condition) => isName(condition.name) &&
    (status ? condition.status.toLowerCase() === status
      : condition.status === "Error" || condition.status === "Warning"));
}

function keyTest(key, value, properties) {
  if (key === "phase" || key === "state") {
    const isIt = equals(value);
    return (node) => isIt(node.state);
  }
  if (key === "condition") return conditionTest(value);
  if (key === "status") {
    const isIt = equals(value);
    return (node) => (node.conditions ?? []).some(({ status }) => isIt(status));
  }
  if (key === "reason") return (node) => node.reason.toLowerCase().includes(value);
  const isIt = equals(value);
  if (Object.hasOwn(FACTS, key)) return (node) => isIt(node[FACTS[key]]);
  properties.add(key);
  return (node) => isIt(node.properties?.[key]);
}

function wordTest(word) {
  const names = expand(word);
  if (!names) return (node) => node.words.includes(word);
  const all = new Set(names);
  return (node) => all.has(node.name.toLowerCase());
}

// {passes(node), properties}: what a text selects, and the properties that it needs to be known.
export function compile(text) {
  const properties = new Set();
  const tests = tokens(text).map((token) => {
    const isNot = token.startsWith("-") && token.length > 1;
    const term = isNot ? token.slice(1) : token;
    const [, key, value] = term.match(/^([^:"\s[\]]+):(.*)$/s) ?? [];
    const isFact = key && (Object.hasOwn(FACTS, key.toLowerCase()) ||
      ["phase", "state", "condition", "status", "reason"].includes(key.toLowerCase()));
    const test = key === undefined ? wordTest(unquoted(term).toLowerCase())
      : keyTest(isFact ? key.toLowerCase() : key, unquoted(value).toLowerCase(), properties);
    return isNot ? (node) => !test(node) : test;
  });
  return { passes: (node) => tests.every((test) => test(node)), properties };
}

// "key:value", quoted where it must be.
export function term(key, value) {
  return /[\s"]/.test(value) ? `${key}:"${value.replaceAll('"', "*")}"` : `${key}:${value}`;
}
