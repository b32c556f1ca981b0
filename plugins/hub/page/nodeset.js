// nodeset.js: sets of node names as schedulers and pdsh write them: cc[001-040,044],login-1.

const MOST = 20_000; // names in one set

// Splits at commas that are not within brackets.
function parts(text) {
  return text.split(/,(?![^[]*\])/).filter(Boolean);
}

function numbers(ranges) {
  const all = [];
  for (const range of ranges.split(",")) {
    const [, first, last = first] = range.match(/^(\d+)(?:-(\d+))?$/) ?? [];
    if (first === undefined || Number(last) - Number(first) >= MOST) return null;
    for (let number = Number(first); number <= Number(last); ++number)
      all.push(String(number).padStart(first.length, "0"));
  }
  return all;
}

// All names of a set; null when it is none: without brackets and commas it is a word.
export function expand(text) {
  if (!/[[,]/.test(text)) return null;
  const names = [];
  for (const part of parts(text)) {
    const [, before, ranges, after] = part.match(/^([^[\]]*)\[([\d,-]+)\]([^[\]]*)$/) ?? [];
    if (ranges === undefined && /[[\]]/.test(part)) return null;
    const inside = ranges === undefined ? [""] : numbers(ranges);
    if (!inside || names.length + inside.length > MOST) return null;
    for (const number of inside) names.push(ranges === undefined ? part : before + number + after);
  }
  return names;
}

// "018,022-024" of numbers of one width.
function folded(sorted) {
  const ranges = [];
  for (const text of sorted) {
    const range = ranges.at(-1);
    if (range && Number(range.last) + 1 === Number(text)) range.last = text;
    else ranges.push({ first: text, last: text });
  }
  return ranges.map(({ first, last }) => (first === last ? first : `${first}-${last}`)).join(",");
}

// The shortest set of these names by their last number: ["a1", "a2", "b"] is "a[1-2],b".
export function fold(names) {
  const groups = new Map();
  for (const name of new Set(names)) {
    const [, before, number, after] = name.match(/^(.*?)(\d+)(\D*)$/) ?? [];
    // Names of other widths are not of one range: a1 and a01 are different nodes.
    const isPadded = number?.startsWith("0") && number.length > 1;
    const key = number === undefined ? name : `${before}[${isPadded ? number.length : ""}]${after}`;
    if (!groups.has(key)) groups.set(key, { before, after, name, numbers: [] });
    if (number !== undefined) groups.get(key).numbers.push(number);
  }
  return [...groups.values()].map(({ before, after, name, numbers: list }) => {
    if (list.length < 2) return name;
    list.sort((a, b) => Number(a) - Number(b));
    return `${before}[${folded(list)}]${after}`;
  }).join(",");
}
