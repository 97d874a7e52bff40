// The fleet at a glance, and its robots one by one.

import { call, follow } from "./api.js";
import { action, card, h, number, state, table, time } from "./dom.js";

export async function overview(place, signal) {
  const cards = h("div", { class: "cards" });
  const feed = h("div");
  place.append(h("h1", {}, "Fleet"), cards, h("h2", {}, "What has happened"), feed);
  const refresh = async () => {
    const [fleet, activity] = await Promise.all([call("GET", "/api/v1/metrics/fleet"), call("GET", "/api/v1/metrics/activity?limit=20")]);
    cards.replaceChildren(
      card("robots", number(fleet.total_robots)), card("busy", number(fleet.active_robots)),
      card("idle", number(fleet.idle_robots)), card("offline", number(fleet.offline_robots)),
      card("jobs today", number(fleet.total_jobs_today)), card("running", number(fleet.active_jobs)),
      card("waiting", number(fleet.queue_depth)), card("mean duration", `${number(fleet.average_job_duration_seconds, 1)} s`));
    feed.replaceChildren(table([
      ["When", (event) => time(event.timestamp)], ["What", (event) => event.title],
      ["Details", (event) => event.details], ["Robot", (event) => event.robot_id]], activity.events));
  };
  await refresh();
  soon(refresh, "/api/v1/live/jobs", signal);
  const timer = setInterval(() => refresh().catch(() => undefined), 10_000);
  signal.addEventListener("abort", () => clearInterval(timer));
}

export async function robots(place, signal) {
  const list = h("div");
  place.append(h("h1", {}, "Robots"), list);
  const refresh = async () => {
    const [figures, known] = await Promise.all([call("GET", "/api/v1/metrics/robots"), call("GET", "/api/v1/robots?page_size=1000")]);
    const draining = new Set(known.robots.filter((robot) => robot.draining).map((robot) => robot.robot_id));
    const change = (robot, verb) => async () => { await call("POST", `/api/v1/robots/${robot.robot_id}/${verb}`, {}); await refresh(); };
    list.replaceChildren(table([
      ["Robot", (robot) => robot.robot_id], ["Host", (robot) => robot.hostname], ["Status", (robot) => state(robot.status)],
      ["CPU %", (robot) => number(robot.cpu_percent, 1), "number"], ["Memory MB", (robot) => number(robot.memory_mb, 0), "number"],
      ["Job", (robot) => robot.current_job_id], ["Last heard of", (robot) => time(robot.last_heartbeat)],
      ["", (robot) => draining.has(robot.robot_id) ? action("Resume", change(robot, "resume")) : action("Drain", change(robot, "drain"))],
    ], figures, { empty: "No robot has registered yet." }));
  };
  await refresh();
  soon(refresh, "/api/v1/live/robots", signal);
}

// Refreshes when the stream speaks, at most once a second.
export function soon(refresh, path, signal) {
  let due = null;
  follow(path, () => {
    due ??= setTimeout(() => { due = null; if (!signal.aborted) refresh().catch(() => undefined); }, 1000);
  }, signal).catch(() => undefined);
}
