// For page.html?url=URL&owner=OWNER: writes to the page what the other examples print, and leaves the code they would
// exit with in the attribute `data-exit` of the log.

import { createConnectTransport } from "@connectrpc/connect-web";
import { follow, isUnreachable, withKey } from "./follow.js";

async function main(url: string, owner: string, print: (line: string) => void): Promise<number> {
  const interceptors = withKey(sessionStorage.getItem("SWITCHYARD_API_KEY") ?? undefined);
  try {
    return (await follow(createConnectTransport({ baseUrl: url, interceptors }), owner, print)) ? 0 : 1;
  } catch (error) {
    // Browsers do not tell why a request got no answer; Connect calls that Unavailable, or Unknown.
    console.error(isUnreachable(error) ? `cannot reach ${url}` : error);
    return isUnreachable(error) ? 2 : 1;
  }
}

const parameters = new URLSearchParams(location.search);
const log = document.querySelector<HTMLPreElement>("#log")!;
const code = await main(parameters.get("url") ?? "", parameters.get("owner") ?? "", (line) => log.append(`${line}\n`));
log.dataset.exit = String(code);
