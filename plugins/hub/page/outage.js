// outage.js: says when the hub does not answer, and dims what may be out of date.
import { element, setText } from "./dom.js";
import { isUtc, zoneName } from "./times.js";

let answered = Date.now();

function clock(time) {
  return new Intl.DateTimeFormat("en-GB", { timeStyle: "medium",
    timeZone: isUtc() ? "UTC" : undefined }).format(time);
}

// The hub has said something.
export function noteAnswer() {
  answered = Date.now();
}

// Shows whether it is away; what is shown is from its last answer.
export function showOutage(isAway) {
  const banner = element("outage");
  if (isAway && banner.hidden)
    setText(banner, `No response from the hub since ${clock(answered)} (${zoneName()}). ` +
      "What you see is from then; retrying.");
  banner.hidden = !isAway;
  document.documentElement.toggleAttribute("data-stale", isAway);
}
