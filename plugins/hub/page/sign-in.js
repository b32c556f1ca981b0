// sign-in.js: the sign-in page: begins a session, then goes where one wanted to go.

// Within the hub alone: an address of elsewhere in a link to this page leads nowhere.
function destination() {
  const next = new URL(new URLSearchParams(location.search).get("next") ?? "/", location.origin);
  return next.origin === location.origin && !next.pathname.startsWith("/sign-in") ? next.href : "/";
}

async function post(path, content) {
  const reply = await fetch(new URL(path, location.origin), {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(content),
    signal: AbortSignal.timeout(30_000),
  });
  if (reply.ok) return;
  const { error } = await reply.json().catch(() => ({}));
  throw new Error(error ?? `HTTP status ${reply.status}`);
}

const find = (id) => document.getElementById(id);

find("sign-in").addEventListener("submit", async (submitted) => {
  submitted.preventDefault();
  find("submit").disabled = true;
  find("problem").textContent = "";
  try {
    await post("/sign-in", { name: find("name").value, password: find("password").value });
    location.replace(destination());
  } catch (failure) {
    find("problem").textContent = failure.name === "TypeError" || failure.name === "TimeoutError"
      ? "No response from the hub" : failure.message;
    find("password").select();
  } finally {
    find("submit").disabled = false;
  }
});

// The session's cookie is not sent when a link of another site leads here, though there is one.
fetch(new URL("/api/account", location.origin))
  .then((reply) => reply.ok && location.replace(destination()))
  .catch(() => {});
