"""What is executed within ComfyUI's page, by the functions of its own front end.

The same for 1.27 and 1.58, with which it is tested. Workflows come and go as texts: the driver would look at each of
their values.
"""

from typing import Final

# The page has loaded the workflow it begins with, and ComfyUI has given it its name.
READY: Final = """() => {
  const app = window.app;
  return Boolean(app?.graph && app.extensionManager?.workflow?.activeWorkflow && app.api?.clientId);
}"""

VERSION: Final = "() => window.__COMFYUI_FRONTEND_VERSION__ ?? ''"

_REQUEST: Final = """async %s => {
  try {
    %s
    const headers = {"Content-Type": "application/json"};
    const answer = await window.app.api.fetchApi(route, {method, body, headers, cache: "no-store"});
    return [answer.status, await answer.text()];
  } catch (error) {
    return [0, String(error)];
  }
}"""
# [method, route, body] -> [status, text]; status 0 is no answer.
REQUEST: Final = _REQUEST % ("([method, route, body])", "")
# Fields of a prompt's body -> the same.
SUBMIT: Final = _REQUEST % (
    "fields",
    """const [method, route] = ["POST", "/prompt"];
    const body = `{"client_id":${JSON.stringify(window.app.api.clientId)},${fields}}`;""",
)

# Those of the types that the page knows, its own (Note, Reroute ...) among them.
KNOWN_TYPES: Final = "types => types.filter(type => Object.hasOwn(window.LiteGraph.registered_node_types, type))"

_LOAD: Final = """async text => {
  try {
    %s;
    const graph = window.app.rootGraph ?? window.app.graph;
    return [graph._nodes.length, ""];
  } catch (error) {
    return [0, String(error)];
  }
}"""
# Workflow -> [number of nodes, what went wrong].
LOAD_UI: Final = _LOAD % "await window.app.loadGraphData(JSON.parse(text), true, true, 'switchyard')"
LOAD_API: Final = _LOAD % "await window.app.loadApiJson(JSON.parse(text), 'switchyard')"

# [[node id, widget, value], ...] -> [prompt, workflow, what went wrong]. The graph is afterwards as it was.
COMPOSE: Final = """async changes => {
  const graph = window.app.rootGraph ?? window.app.graph;
  const before = [];
  try {
    for (const [id, name, value] of changes) {
      const node = graph._nodes.find(node => String(node.id) === id);
      const widget = node?.widgets?.find(widget => widget.name === name);
      if (widget) {
        before.push([widget, widget.value]);
        widget.value = value;
      }
    }
    const {output, workflow} = await window.app.graphToPrompt();
    return [JSON.stringify(output), JSON.stringify(workflow), ""];
  } catch (error) {
    return ["", "", String(error)];
  } finally {
    for (const [widget, value] of before.reverse()) widget.value = value;
  }
}"""

# Parameters of /view -> a transfer. Its file is read piece by piece, so that none has to fit into memory.
BEGIN_FILE: Final = """async query => {
  try {
    const answer = await window.app.api.fetchApi("/view?" + new URLSearchParams(query), {cache: "no-store"});
    return {status: answer.status, reader: answer.body.getReader()};
  } catch (error) {
    return {status: 0};
  }
}"""

# A transfer -> its next piece in base64, empty at the end.
NEXT_PIECE: Final = """async transfer => {
  const parts = [];
  let size = 0;
  while (size < 1048576) {
    const {done, value} = await transfer.reader.read();
    if (done) break;
    parts.push(value);
    size += value.length;
  }
  if (!size) return "";
  return await new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result.slice(reader.result.indexOf(",") + 1));
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(new Blob(parts));
  });
}"""

END_FILE: Final = "async transfer => { await transfer.reader?.cancel().catch(() => {}); }"
