// contrast.js: run in the page by test_access.py: which texts are too faint to read (WCAG 2.1 AA).
function parts(color) {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  canvas.fillStyle = color;
  canvas.fillRect(0, 0, 1, 1);
  const [red, green, blue, alpha] = canvas.getImageData(0, 0, 1, 1).data;
  return { rgb: [red, green, blue], alpha: alpha / 255 };
}

function luminance(rgb) {
  const [red, green, blue] = rgb.map((value) => value / 255).map((value) =>
    (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4));
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function ground(element) {
  for (let at = element; at; at = at.parentElement) {
    const { rgb, alpha } = parts(getComputedStyle(at).backgroundColor);
    if (alpha > 0.99) return rgb;
  }
  return [255, 255, 255];
}

const faint = [];
let checked = 0;
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const element = walker.currentNode.parentElement;
  const text = walker.currentNode.textContent.trim();
  const style = getComputedStyle(element);
  const isSeen = text && element.checkVisibility() && !element.closest(".hidden, .skip, script");
  if (!isSeen || element.closest(".events li.new")) continue;
  const color = element instanceof SVGElement ? style.fill : style.color;
  const [low, high] = [luminance(parts(color).rgb), luminance(ground(element))]
    .sort((a, b) => a - b);
  const ratio = (high + 0.05) / (low + 0.05);
  const size = parseFloat(style.fontSize);
  const isLarge = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
  checked += 1;
  if (ratio < (isLarge ? 3 : 4.5)) faint.push({ text: text.slice(0, 40), ratio, color });
}
return { checked, faint };
