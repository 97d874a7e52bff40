// Browser sessions, their proxies, and bots.

import { call } from "./api.js";
import { action, card, h, json, number, state, table, time } from "./dom.js";
import { soon } from "./fleet.js";

export async function sessions(place, signal, show) {
  const search = h("input", { type: "search", placeholder: "Search", "aria-label": "Search" });
  const cards = h("div", { class: "cards" });
  const list = h("div");
  const refresh = async () => {
    const [totals, found] = await Promise.all([call("GET", "/api/stats"), call("GET", `/api/sessions?per_page=50&search=${encodeURIComponent(search.value)}`)]);
    cards.replaceChildren(card("sessions", number(totals.total_sessions)), card("active", number(totals.active_sessions)),
      card("success rate", number(totals.success_rate, 3)));
    list.replaceChildren(table([
      ["Session", (one) => one.id], ["Profile", (one) => one.profile_id], ["Proxy", (one) => one.proxy], ["Country", (one) => one.country],
      ["Status", (one) => state(one.status)], ["Began", (one) => time(one.start_time)], ["Took s", (one) => number(one.duration, 1), "number"]],
      found.sessions, { open: (one) => show(`sessions/${encodeURIComponent(one.id)}`), empty: "No session matches." }));
  };
  search.addEventListener("change", refresh);
  place.append(h("h1", {}, "Browser sessions"), cards, h("div", { class: "row" }, search), list);
  await refresh();
  soon(refresh, "/api/live?types=stats_update", signal);
}

export async function session(place, signal, show, id) {
  place.append(h("h1", {}, "Session ", h("code", {}, decodeURIComponent(id))), json(await call("GET", `/api/sessions/${id}`)));
}

export async function proxies(place) {
  const found = await call("GET", "/api/ip/status");
  place.append(h("h1", {}, "Proxies"), table([
    ["Proxy", (one) => one.url], ["Status", (one) => state(one.status)], ["Uses", (one) => number(one.uses), "number"],
    ["Success rate", (one) => number(one.success_rate, 3), "number"], ["Latency ms", (one) => number(one.avg_latency_ms, 0), "number"],
    ["Country", (one) => one.country], ["Last used", (one) => time(one.last_used)]], found.proxies));
}

export async function bots(place) {
  const list = h("div");
  place.append(h("h1", {}, "Bots"), list);
  const refresh = async () => {
    const found = await call("GET", "/api/bot-instances?per_page=100");
    const change = (one, verb) => async () => { await call("POST", `/api/bot-instances/${one.id}/${verb}`, {}); await refresh(); };
    list.replaceChildren(table([
      ["Instance", (one) => one.id], ["Bot", (one) => one.bot_code], ["Owner", (one) => `${one.owner_type} ${one.owner_id}`],
      ["Status", (one) => state(one.status)], ["Validation", (one) => state(one.validation_status)],
      ["", (one) => one.status === "active" ? action("Stop", change(one, "stop")) : action("Start", change(one, "start"))],
    ], found.bot_instances));
  };
  await refresh();
}
