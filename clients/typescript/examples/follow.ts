// Creates a bot, starts it and follows its log. The same over every transport: gRPC in Node, Connect in a browser.

import { Code, ConnectError, createClient, type Interceptor, type Transport } from "@connectrpc/connect";
import { OwnerType } from "@switchyard/client/bots/v1/bot_instance_pb";
import { BotInstanceService } from "@switchyard/client/bots/v1/bot_instance_service_pb";
import { RunStatus } from "@switchyard/client/bots/v1/run_pb";
import { RunService } from "@switchyard/client/bots/v1/run_service_pb";
import { LogLine_Level } from "@switchyard/client/tasks/v1/task_pb";

const WORDS: Partial<Record<LogLine_Level, string>> = {
  [LogLine_Level.DEBUG]: "debug",
  [LogLine_Level.WARNING]: "warning",
  [LogLine_Level.ERROR]: "error",
};

// Says what comes by `print`, a line at a time; gives whether the run succeeded.
export async function follow(transport: Transport, owner: string, print: (line: string) => void): Promise<boolean> {
  const bots = createClient(BotInstanceService, transport);
  const runs = createClient(RunService, transport);

  const { botInstance } = await bots.createBotInstance({ ownerType: OwnerType.USER, ownerId: owner, botCode: "noop" });
  const id = botInstance!.id;
  print(`created ${botInstance!.botCode}`);

  const { runId } = await runs.startRun({ id });
  print("started");

  for await (const { lines, end } of runs.watchLogs({ id, runId })) {
    for (const { line } of lines) {
      // A line without one names the instance; it is not part of the log.
      if (line) {
        print(`${WORDS[line.level] ?? "info"} ${line.message}`);
      }
    }
    if (end) {
      print(`ended ${end.text}`);
      return end.status === RunStatus.SUCCESS;
    }
  }
  throw new Error("the log has no end");
}

// Sends an API key with each call.
export function withKey(key: string | undefined): Interceptor[] {
  if (!key) {
    return [];
  }
  return [
    (next) => (request) => {
      request.header.set("x-api-key", key);
      return next(request);
    },
  ];
}

// Whether the server could not be reached.
export function isUnreachable(error: unknown): boolean {
  return ConnectError.from(error).code === Code.Unavailable;
}
