// Usage: node build/examples/node.js HOST:PORT OWNER

import { createGrpcTransport } from "@connectrpc/connect-node";
import { follow, isUnreachable, withKey } from "./follow.js";

async function main(address: string | undefined, owner: string | undefined): Promise<number> {
  if (!address || !owner) {
    console.error("usage: node.js HOST:PORT OWNER");
    return 2;
  }
  const interceptors = withKey(process.env.SWITCHYARD_API_KEY);
  const transport = createGrpcTransport({ baseUrl: `http://${address}`, interceptors });
  try {
    return (await follow(transport, owner, console.log)) ? 0 : 1;
  } catch (error) {
    if (isUnreachable(error)) {
      console.error(`cannot reach ${address}`);
      return 2;
    }
    console.error(String(error));
    return 1;
  }
}

process.exitCode = await main(process.argv[2], process.argv[3]);
