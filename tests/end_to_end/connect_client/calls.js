// Calls the orchard over a transport and tells what came of it.

import { createFileRegistry, fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, createClient } from "@connectrpc/connect";

// `transport` as the packages make it; `descriptors` is a serialized FileDescriptorSet. Gives a value that fits JSON.
export async function callOrchard(transport, descriptors) {
  const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, descriptors));
  const orchard = createClient(registry.getService("orchard.v1.OrchardService"), transport);
  const badRequest = registry.getMessage("google.rpc.BadRequest");

  function told(thrown) {
    const error = ConnectError.from(thrown);
    const violations = error
      .findDetails(badRequest)
      .flatMap((blame) => blame.fieldViolations.map(({ field, description }) => ({ field, description })));
    return { code: Code[error.code], message: error.rawMessage, violations, link: error.metadata.get("link") };
  }

  async function attempt(call) {
    try {
      return await call();
    } catch (error) {
      return { error: told(error) };
    }
  }

  async function getTree(name) {
    const seen = {};
    const tree = await orchard.getTree(
      { name },
      {
        headers: { authorization: "Bearer orchard" },
        onHeader: (headers) => (seen.etag = headers.get("etag")),
        onTrailer: (trailers) => (seen.link = trailers.get("link")),
      },
    );
    return { name: tree.name, fruitCount: String(tree.fruitCount), ...seen };
  }

  async function pick(name, options) {
    const numbers = [];
    try {
      for await (const fruit of orchard.pick({ name }, options)) {
        numbers.push(fruit.number);
      }
    } catch (error) {
      return { numbers, error: told(error) };
    }
    return { numbers };
  }

  async function leave() {
    const leaving = new AbortController();
    for await (const fruit of orchard.pick({ name: "endless" }, { signal: leaving.signal })) {
      if (fruit.number === 2) {
        leaving.abort();
      }
    }
  }

  async function* harvest() {
    for (const grams of [1.5, 2.5, 4]) {
      yield { grams };
    }
  }

  return {
    unary: await attempt(() => getTree("älm")),
    refused: await attempt(() => getTree("wrong")),
    large: await attempt(async () => (await getTree("x".repeat(5_000))).name.length),
    stream: await pick("apple"),
    streamRefused: await pick("wrong"),
    streamBreaks: await pick("rotten"),
    deadline: await pick("endless", { timeoutMs: 300 }),
    left: await attempt(leave),
    harvest: await attempt(async () => String((await orchard.store(harvest())).fruitCount)),
  };
}
