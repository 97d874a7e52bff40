package dev.switchyard.examples;

import dev.switchyard.bots.v1.BotInstance;
import dev.switchyard.bots.v1.BotInstanceServiceGrpc;
import dev.switchyard.bots.v1.CreateBotInstanceRequest;
import dev.switchyard.bots.v1.OwnerType;
import dev.switchyard.bots.v1.RunServiceGrpc;
import dev.switchyard.bots.v1.RunStatus;
import dev.switchyard.bots.v1.StartRunRequest;
import dev.switchyard.bots.v1.WatchLogsRequest;
import dev.switchyard.bots.v1.WatchLogsResponse;
import dev.switchyard.tasks.v1.LogLine;
import io.grpc.Channel;
import io.grpc.ClientInterceptors;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.MetadataUtils;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.Iterator;

/** Creates a bot instance, starts it and prints its log until the run is over: {@code Follow HOST:PORT OWNER}. */
public final class Follow {
  private static final Metadata.Key<String> API_KEY =
      Metadata.Key.of("x-api-key", Metadata.ASCII_STRING_MARSHALLER);

  // System.out writes in the machine's character set, and ends lines as the machine does.
  private static final PrintStream OUT =
      new PrintStream(new FileOutputStream(FileDescriptor.out), true, StandardCharsets.UTF_8);

  private Follow() {}

  public static void main(String[] arguments) {
    if (arguments.length != 2) {
      System.err.println("usage: Follow HOST:PORT OWNER");
      System.exit(2);
    }
    System.exit(exitCode(arguments[0], arguments[1]));
  }

  private static int exitCode(String address, String owner) {
    ManagedChannel channel =
        Grpc.newChannelBuilder(address, InsecureChannelCredentials.create()).build();
    try {
      return follow(withKey(channel), owner) ? 0 : 1;
    } catch (StatusRuntimeException error) {
      boolean unreachable = error.getStatus().getCode() == Status.Code.UNAVAILABLE;
      System.err.println(unreachable ? "cannot reach " + address : error.getMessage());
      return unreachable ? 2 : 1;
    } finally {
      channel.shutdownNow();
    }
  }

  /** Runs the bot and returns whether its run succeeded. */
  private static boolean follow(Channel channel, String owner) {
    CreateBotInstanceRequest creation =
        CreateBotInstanceRequest.newBuilder()
            .setOwnerType(OwnerType.OWNER_TYPE_USER)
            .setOwnerId(owner)
            .setBotCode("noop")
            .build();
    BotInstance bot =
        BotInstanceServiceGrpc.newBlockingStub(channel).createBotInstance(creation).getBotInstance();
    print("created " + bot.getBotCode());

    RunServiceGrpc.RunServiceBlockingStub runs = RunServiceGrpc.newBlockingStub(channel);
    StartRunRequest start = StartRunRequest.newBuilder().setId(bot.getId()).build();
    String runId = runs.startRun(start).getRunId();
    print("started");

    WatchLogsRequest watch =
        WatchLogsRequest.newBuilder().setId(bot.getId()).setRunId(runId).build();
    return printLog(runs.watchLogs(watch));
  }

  private static boolean printLog(Iterator<WatchLogsResponse> news) {
    while (news.hasNext()) {
      WatchLogsResponse message = news.next();
      for (WatchLogsResponse.Line line : message.getLinesList()) {
        if (line.hasLine()) {
          print(word(line.getLine().getLevel()) + " " + line.getLine().getMessage());
        }
      }
      if (message.hasEnd()) {
        print("ended " + message.getEnd().getText());
        return message.getEnd().getStatus() == RunStatus.RUN_STATUS_SUCCESS;
      }
    }
    throw Status.DATA_LOSS
        .withDescription("the log broke off before the run was over")
        .asRuntimeException();
  }

  private static Channel withKey(Channel channel) {
    String key = System.getenv("SWITCHYARD_API_KEY");
    if (key == null || key.isEmpty()) {
      return channel;
    }
    Metadata metadata = new Metadata();
    metadata.put(API_KEY, key);
    return ClientInterceptors.intercept(channel, MetadataUtils.newAttachHeadersInterceptor(metadata));
  }

  /** The word of a level in JSON. */
  private static String word(LogLine.Level level) {
    switch (level) {
      case LEVEL_DEBUG:
        return "debug";
      case LEVEL_WARNING:
        return "warning";
      case LEVEL_ERROR:
        return "error";
      default:
        return "info";
    }
  }

  private static void print(String line) {
    OUT.print(line + "\n");
    OUT.flush();
  }
}
