// Who is logged in, and which view the address names.

import { call, loggedIn, login, logout } from "./api.js";
import { h } from "./dom.js";
import { overview, robots } from "./fleet.js";
import { job, jobs } from "./jobs.js";
import { bots, proxies, session, sessions } from "./sessions.js";
import { schedule, schedules, workflow, workflows } from "./workflows.js";

const LISTS = { fleet: overview, jobs, workflows, schedules, robots, bots, sessions, proxies };
const DETAILS = { jobs: job, workflows: workflow, schedules: schedule, sessions: session };
const main = document.querySelector("main");
const header = document.querySelector("header");

let leaving = new AbortController();

const show = (view) => { location.hash = view; };

async function draw() {
  leaving.abort();
  leaving = new AbortController();
  const { signal } = leaving;
  header.hidden = !loggedIn();
  if (!loggedIn()) return main.replaceChildren(loginForm());
  const [name, id] = (location.hash.slice(1) || "fleet").split("/");
  const view = (id ? DETAILS[name] : LISTS[name]) ?? overview;
  for (const link of document.querySelectorAll("nav a")) link.toggleAttribute("aria-current", link.hash === `#${name}`);
  // Drawn apart, so that a view that was left meanwhile never shows up in the next one.
  const place = h("div");
  main.replaceChildren(place);
  try {
    await view(place, signal, show, id);
  } catch (error) {
    if (signal.aborted) return;
    if (error.status === 401) return draw();
    place.append(h("p", { class: "problem", role: "alert" }, error.message));
  }
}

function loginForm() {
  const username = h("input", { name: "username", autocomplete: "username", required: true });
  const password = h("input", { name: "password", type: "password", autocomplete: "current-password", required: true });
  const problem = h("p", { class: "problem", role: "alert" });
  return h("form", { class: "login", onsubmit: async (event) => {
    event.preventDefault();
    try {
      await login(username.value, password.value);
      await enter();
    } catch (error) {
      problem.textContent = error.message;
    }
  } }, h("h1", {}, "Switchyard"), h("label", {}, "User ", username), h("label", {}, "Password ", password),
    h("button", { type: "submit" }, "Log in"), problem);
}

async function enter() {
  const me = await call("GET", "/api/v1/auth/me");
  document.querySelector("#who").textContent = `${me.user_id} (${me.roles[0]})`;
  await draw();
}

document.querySelector("nav").append(...Object.keys(LISTS).map((name) => h("a", { href: `#${name}` }, name[0].toUpperCase() + name.slice(1))));
document.querySelector("#logout").addEventListener("click", async () => { await logout(); await draw(); });
addEventListener("hashchange", draw);
await (loggedIn() ? enter().catch(draw) : draw());
