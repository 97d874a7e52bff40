// Calls of the API with the token of whoever logged in, and streams of it.

const KEPT = "switchyard.tokens";

export class Refused extends Error {
  constructor(status, sentence) {
    super(sentence);
    this.status = status;
  }
}

const tokens = () => JSON.parse(sessionStorage.getItem(KEPT) ?? "null");
const keep = (answer) => sessionStorage.setItem(KEPT, JSON.stringify(answer));

export const loggedIn = () => tokens() !== null;

export async function login(username, password) {
  keep(await send("POST", "/api/v1/auth/login", { username, password }, null));
}

export async function logout() {
  await call("POST", "/api/v1/auth/logout").catch(() => undefined);
  sessionStorage.removeItem(KEPT);
}

// Returns the answer as a value. A token that has run out is renewed once.
export async function call(method, path, body) {
  try {
    return await send(method, path, body, tokens()?.access_token);
  } catch (refusal) {
    if (refusal.status !== 401 || !(await renewed())) throw refusal;
    return send(method, path, body, tokens().access_token);
  }
}

// Calls `tell` with each message of a stream until `signal` ends it; comes back by itself when the connection breaks.
export async function follow(path, tell, signal) {
  while (!signal.aborted) {
    try {
      await readLines(path, tell, signal);
    } catch (error) {
      if (signal.aborted) return;
      if (error.status === 401 && !(await renewed())) throw error;
    }
    await new Promise((resume) => setTimeout(resume, 1000));
  }
}

// One renewal at a time: a refresh token that is used twice ends the session.
let renewing = null;
function renewed() {
  renewing ??= renew().finally(() => { renewing = null; });
  return renewing;
}

async function renew() {
  const refresh_token = tokens()?.refresh_token;
  if (!refresh_token) return false;
  try {
    keep(await send("POST", "/api/v1/auth/refresh", { refresh_token }, null));
    return true;
  } catch {
    sessionStorage.removeItem(KEPT);
    return false;
  }
}

async function send(method, path, body, token) {
  const headers = { Accept: "application/json" };
  if (token) headers.Authorization = `Bearer ${token}`;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const answer = await fetch(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
  const value = await answer.json().catch(() => null);
  if (!answer.ok) throw new Refused(answer.status, value?.detail ?? value?.error ?? `HTTP ${answer.status}`);
  return value;
}

async function readLines(path, tell, signal) {
  const headers = { Accept: "application/x-ndjson", Authorization: `Bearer ${tokens()?.access_token}` };
  const answer = await fetch(path, { headers, signal });
  if (!answer.ok) throw new Refused(answer.status, `HTTP ${answer.status}`);
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const lines = (rest + value).split("\n");
    rest = lines.pop();
    for (const line of lines) if (line.trim()) tell(JSON.parse(line));
  }
}
