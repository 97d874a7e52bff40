// Jobs as they come and go; one of them with all that is known of it.

import { call } from "./api.js";
import { action, h, json, number, short, state, table, time } from "./dom.js";
import { soon } from "./fleet.js";

const STATUSES = ["", "pending", "claimed", "completed", "failed", "cancelled"];

export async function jobs(place, signal, show) {
  const filter = h("select", { "aria-label": "Status" }, STATUSES.map((word) => h("option", { value: word }, word || "all")));
  const list = h("div");
  const refresh = async () => {
    const query = filter.value ? `&status=${filter.value}` : "";
    const found = await call("GET", `/api/v1/metrics/jobs?limit=100${query}`);
    list.replaceChildren(table([
      ["Job", (one) => short(one.job_id)], ["Workflow", (one) => one.workflow_name], ["Status", (one) => state(one.status)],
      ["Robot", (one) => one.robot_id], ["Queued", (one) => time(one.created_at)],
      ["Took ms", (one) => number(one.duration_ms), "number"]],
      found, { open: (one) => show(`jobs/${one.job_id}`), empty: "No job matches." }));
  };
  filter.addEventListener("change", refresh);
  place.append(h("h1", {}, "Jobs"), h("div", { class: "row" }, "Status", filter), list);
  await refresh();
  soon(refresh, "/api/v1/live/jobs", signal);
}

export async function job(place, signal, show, id) {
  const path = `/api/v1/jobs/${encodeURIComponent(id)}`;
  const detail = h("div");
  const refresh = async () => {
    const [one, logs] = await Promise.all([call("GET", `/api/v1/metrics/jobs/${encodeURIComponent(id)}`), call("GET", `${path}/logs?limit=1000`)]);
    const why = one.status === "pending" ? (await call("GET", `${path}/explain`)).summary : null;
    detail.replaceChildren(...facts(one, why, path, refresh, show), h("h2", {}, "Log"),
      h("pre", {}, logs.lines.map((line) => `${line.timestamp} ${line.level.toUpperCase()} ${line.message}`).join("\n") || "No lines."));
  };
  place.append(h("h1", {}, "Job ", h("code", {}, id)), detail);
  await refresh();
  soon(refresh, `/api/v1/live/jobs?job_id=${encodeURIComponent(id)}`, signal);
}

function facts(one, why, path, refresh, show) {
  const cancel = async () => { await call("POST", `${path}/cancel`, {}); await refresh(); };
  const retry = async () => show(`jobs/${(await call("POST", `${path}/retry`, {})).job_id}`);
  const buttons = { pending: [action("Cancel", cancel)], claimed: [action("Cancel", cancel)],
    failed: [action("Retry", retry)], cancelled: [action("Retry", retry)], completed: [] };
  return [
    h("p", {}, state(one.status), ` ${one.workflow_name}, version ${one.workflow_version}, attempt ${one.retry_count + 1}`,
      one.robot_id ? `, robot ${one.robot_id}` : ""),
    why && h("p", {}, why),
    one.error_message && h("p", { class: "problem" }, `${one.error_type}: ${one.error_message}`),
    one.progress && h("p", {}, `${number((one.progress.fraction ?? 0) * 100)} % ${one.progress.message}`),
    h("div", { class: "row" }, buttons[one.status]),
    h("h2", {}, "Nodes"),
    table([
      ["Node", (node) => node.node_id], ["Type", (node) => node.node_type], ["Status", (node) => state(node.status)],
      ["ms", (node) => number(node.duration_ms), "number"], ["Outputs", (node) => JSON.stringify(node.outputs)],
      ["Error", (node) => node.error_message]], one.node_executions, { empty: "Nothing was executed yet." }),
    h("h2", {}, "Variables"), json(one.variables),
  ].filter((part) => part !== null);
}
