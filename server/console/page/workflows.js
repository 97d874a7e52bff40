// Workflows and the schedules that run them.

import { call } from "./api.js";
import { action, h, json, number, state, table, time } from "./dom.js";

export async function workflows(place, signal, show) {
  const found = await call("GET", "/api/v1/workflows?page_size=1000");
  place.append(h("h1", {}, "Workflows"), table([
    ["Name", (one) => one.workflow_name], ["Version", (one) => number(one.version), "number"],
    ["Nodes", (one) => number(one.node_count), "number"], ["Trigger", (one) => one.trigger_type],
    ["Mode", (one) => one.execution_mode], ["Changed", (one) => time(one.updated_at)],
    ["", (one) => action("Run", async () => show(`jobs/${(await call("POST", `/api/v1/workflows/${one.workflow_id}/run`, {})).job_id}`))],
  ], found.workflows, { open: (one) => show(`workflows/${one.workflow_id}`) }));
}

export async function workflow(place, signal, show, id) {
  const one = await call("GET", `/api/v1/workflows/${encodeURIComponent(id)}`);
  place.append(h("h1", {}, one.workflow_name), h("p", {}, `Version ${one.version}, ${one.node_count} nodes. ${one.description ?? ""}`), json(one.workflow_json));
}

export async function schedules(place, signal, show) {
  const list = h("div");
  place.append(h("h1", {}, "Schedules"), list);
  const refresh = async () => {
    const found = await call("GET", "/api/v1/schedules?limit=1000");
    const change = (one, verb) => async () => { await call("PUT", `/api/v1/schedules/${one.schedule_id}/${verb}`, {}); await refresh(); };
    list.replaceChildren(table([
      ["Name", (one) => one.schedule_name], ["Cron", (one) => h("code", {}, `${one.cron_expression} ${one.timezone}`)],
      ["Next", (one) => time(one.next_run)], ["Last", (one) => time(one.last_run)], ["Runs", (one) => number(one.run_count), "number"],
      ["Failures", (one) => number(one.failure_count), "number"],
      ["", (one) => one.enabled ? action("Disable", change(one, "disable")) : action("Enable", change(one, "enable"))],
      ["", (one) => action("Trigger", change(one, "trigger"))],
    ], found, { open: (one) => show(`schedules/${one.schedule_id}`) }));
  };
  await refresh();
}

export async function schedule(place, signal, show, id) {
  const path = `/api/v1/schedules/${encodeURIComponent(id)}`;
  const [one, next, ledger] = await Promise.all([call("GET", path), call("GET", `${path}/preview?count=10`), call("GET", `${path}/occurrences?page_size=100`)]);
  place.append(
    h("h1", {}, one.schedule_name), h("p", {}, h("code", {}, `${one.cron_expression} ${one.timezone}`)),
    h("h2", {}, "Next fire times"), h("ul", {}, next.fire_times.map((text) => h("li", {}, time(text)))),
    h("h2", {}, "What became of the past ones"),
    table([
      ["Fire time", (entry) => time(entry.fire_time)], ["Status", (entry) => state(entry.status)], ["Reason", (entry) => entry.reason],
      ["Job", (entry) => entry.job_id && h("a", { href: `#jobs/${entry.job_id}` }, entry.job_id)],
    ], ledger.occurrences));
}
