// Calls the orchard from Node over one transport and prints what came of it.
// Usage: node client.js TRANSPORT URL

import { readFileSync } from "node:fs";
import { compressionGzip, createConnectTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { callOrchard } from "./calls.js";

const [transport, baseUrl] = process.argv.slice(2);
const http = { baseUrl, httpVersion: "1.1" };
const gzip = { sendCompression: compressionGzip, compressMinBytes: 0, acceptCompression: [compressionGzip] };
const transports = {
  "connect json": () => createConnectTransport({ ...http, useBinaryFormat: false }),
  "connect binary": () => createConnectTransport({ ...http, useBinaryFormat: true }),
  "connect get": () => createConnectTransport({ ...http, useBinaryFormat: true, useHttpGet: true }),
  "connect gzip": () => createConnectTransport({ ...http, ...gzip, useBinaryFormat: false }),
  "grpc-web binary": () => createGrpcWebTransport({ ...http, useBinaryFormat: true }),
  "grpc-web json": () => createGrpcWebTransport({ ...http, useBinaryFormat: false }),
};

console.log(JSON.stringify(await callOrchard(transports[transport](), readFileSync("orchard.binpb"))));
