// account.js: who looks at the page. `document.documentElement.dataset.role` is "viewer" or
// "administrator"; what carries the class "administrators" is hidden from all others.
import { address, ask } from "./hub.js";

async function signOut(clicked) {
  clicked.preventDefault();
  await fetch(address("/sign-out"), {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: "{}",
  });
  location.assign(address("/sign-in"));
}

export async function showAccount() {
  const { name, role } = await ask("/api/account");
  document.documentElement.dataset.role = role;
  const link = document.getElementById("sign-out");
  link.title = `Signed in as ${name}, ${role}`;
  link.addEventListener("click", signOut);
  link.hidden = false;
}
