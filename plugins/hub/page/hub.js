// hub.js: talks to the hub: sends requests, and follows events by a stream, or else by polling.
import { element, setText } from "./dom.js";
import { noteAnswer, showOutage } from "./outage.js";

const RETRY_LEAST = 1_000;
const RETRY_MOST = 15_000;
const POLL_INTERVAL = 3_000;
const CATCH_UP = 1_000;
// A hidden page closes its connection: a browser opens six to one hub, for all of its tabs.
const HIDDEN_FOR = 30_000;
const GATHER = 50; // news that are as close together are shown at once

const [, clusterPart, nodePart] =
  location.pathname.match(/^\/clusters\/([^/]+)(?:\/nodes\/([^/]+))?$/) ?? [];
export const cluster = decodeURIComponent(clusterPart ?? "");
export const node = decodeURIComponent(nodePart ?? "");

// A URL of the hub. Built on the origin: the page's own URL may contain credentials, which
// a browser refuses to fetch with.
export function address(path, parameters = {}) {
  const url = new URL(path, location.origin);
  for (const [name, value] of Object.entries(parameters))
    if (value !== "" && value !== undefined) url.searchParams.set(name, value);
  return url;
}

export class Refused extends Error {
  constructor(path, status, text) {
    super(text || `${path}: HTTP status ${status}`);
    this.status = status;
  }
}

export async function ask(path, parameters) {
  const reply = await fetch(address(path, parameters), { signal: AbortSignal.timeout(30_000) });
  noteAnswer();
  if (reply.ok) return reply.json();
  // The session has ended.
  if (reply.status === 401)
    location.assign(address("/sign-in", { next: location.pathname + location.search }));
  const { error } = await reply.json().catch(() => ({}));
  throw new Refused(path, reply.status, error);
}

const STATES = {
  connecting: "Connecting",
  live: "Live",
  polling: "Updated every few seconds",
  lost: "No response from the hub, retrying",
};

function show(state) {
  element("connection").dataset.state = state;
  setText(element("connection"), STATES[state]);
  // What is shown is from the last answer, until there is another.
  if (state === "lost") showOutage(true);
  else if (state !== "connecting") showOutage(false);
}

export const isLive = () => element("connection").dataset.state === "live";

// Runs `work`, never twice at once; calls meanwhile are served by one more run. The state of
// the connection is shown by the follower, so a failure is left to the next run.
export function oneAtATime(work) {
  let isRunning = false;
  let isAsked = false;
  return async function run() {
    isAsked = true;
    if (isRunning) return;
    isRunning = true;
    while (isAsked) {
      isAsked = false;
      await work().catch(() => {});
    }
    isRunning = false;
  };
}

// Calls `work` once, `delay` after the first of many calls.
export function soon(work, delay) {
  let timer = 0;
  return () => {
    if (timer) return;
    timer = setTimeout(() => {
      timer = 0;
      work();
    }, delay);
  };
}

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

// Follows the events of `reader`, which has
//   priority()          the reader's choice: "medium" or "all"
//   newest()            the id of its last event
//   load(signal)        fetches the first events
//   add(events)         receives new events
//   changed(change)     receives {what, cluster, node?}: something other than events has changed
// It continues after the reader's last event, so that nothing is lost or shown twice.
export class Follower {
  #reader;
  #current = new AbortController();
  #hiding = 0;

  constructor(reader) {
    this.#reader = reader;
    document.addEventListener("visibilitychange", () => this.#visibilityChanged());
    // A page that was left is cached for Back, and its stream with it, unless it is closed here.
    window.addEventListener("pagehide", () => this.#current.abort());
    window.addEventListener("pageshow", ({ persisted }) => persisted && this.#resume());
  }

  // Starts, or restarts with an empty list.
  start() {
    this.#begin(false);
  }

  #begin(isLoaded) {
    this.#current.abort();
    this.#current = new AbortController();
    this.#follow(this.#current.signal, isLoaded);
  }

  #visibilityChanged() {
    clearTimeout(this.#hiding);
    if (document.hidden) this.#hiding = setTimeout(() => this.#current.abort(), HIDDEN_FOR);
    else if (this.#current.signal.aborted) this.#resume();
  }

  #resume() {
    show("connecting");
    this.#begin(this.#reader.newest() > 0);
  }

  async #follow(signal, isLoaded) {
    let delay = RETRY_LEAST;
    while (!signal.aborted) {
      try {
        await (isLoaded ? this.#catchUp(signal) : this.#reader.load(signal));
        isLoaded = true;
        if (signal.aborted) return;
        if (await this.#stream(signal)) {
          delay = RETRY_LEAST;
        } else if (!signal.aborted) {
          show("polling");
          this.#reader.changed({ what: "all" });
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

  // The events that the reader does not have yet.
  #wanted() {
    return { cluster, node, priority: this.#reader.priority(), after: this.#reader.newest() };
  }

  // Fetches what arrived while there was no stream.
  async #catchUp(signal) {
    for (;;) {
      const page = await ask("/api/events", { ...this.#wanted(), limit: CATCH_UP });
      if (signal.aborted) return;
      this.#reader.add(page.events);
      if (!page.more || page.events.length === 0) return;
    }
  }

  // Runs one stream to its end; whether it ever opened.
  #stream(signal) {
    return new Promise((resolve) => {
      const source = new EventSource(address("/api/events/stream", this.#wanted()));
      let opened = false;
      let news = [];
      const pass = () => {
        if (news.length > 0) this.#reader.add(news);
        news = [];
      };
      const passSoon = soon(pass, GATHER);
      const end = () => {
        source.close();
        if (!signal.aborted) pass();
        news = [];
        signal.removeEventListener("abort", end);
        resolve(opened);
      };
      source.onopen = () => {
        opened = true;
        show("live");
        this.#reader.changed({ what: "all" });
      };
      source.onmessage = (message) => {
        noteAnswer();
        news.push(JSON.parse(message.data));
        passSoon();
      };
      source.addEventListener("change",
        (message) => this.#reader.changed(JSON.parse(message.data)));
      source.onerror = end;
      signal.addEventListener("abort", end);
    });
  }
}
