using System;
using System.IO;
using System.Text;
using System.Threading.Tasks;
using Grpc.Core;
using Grpc.Net.Client;
using Switchyard.Bots.V1;
using LogLine = Switchyard.Tasks.V1.LogLine;

/// <summary>Creates a bot instance, starts it and prints its log until the run is over: Follow HOST:PORT OWNER.</summary>
public static class Program
{
    public static async Task<int> Main(string[] arguments)
    {
        if (arguments.Length != 2)
        {
            Console.Error.WriteLine("usage: Follow HOST:PORT OWNER");
            return 2;
        }

        // Console.Out writes in the machine's character set, and ends lines as the machine does.
        using var output = new StreamWriter(Console.OpenStandardOutput(), new UTF8Encoding(false))
        {
            AutoFlush = true,
            NewLine = "\n",
        };
        try
        {
            return await FollowAsync(arguments[0], arguments[1], output) ? 0 : 1;
        }
        catch (RpcException error) when (error.StatusCode == StatusCode.Unavailable)
        {
            Console.Error.WriteLine($"cannot reach {arguments[0]}");
            return 2;
        }
        catch (RpcException error)
        {
            Console.Error.WriteLine($"{error.StatusCode}: {error.Status.Detail}");
            return 1;
        }
    }

    /// <summary>Runs the bot and returns whether its run succeeded.</summary>
    private static async Task<bool> FollowAsync(string address, string owner, TextWriter output)
    {
        using var channel = GrpcChannel.ForAddress($"http://{address}");
        var bots = new BotInstanceService.BotInstanceServiceClient(channel);
        var runs = new RunService.RunServiceClient(channel);
        var headers = Headers();

        var creation = new CreateBotInstanceRequest
        {
            OwnerType = OwnerType.User,
            OwnerId = owner,
            BotCode = "noop",
        };
        var created = await bots.CreateBotInstanceAsync(creation, headers);
        var bot = created.BotInstance;
        await output.WriteLineAsync($"created {bot.BotCode}");

        var started = await runs.StartRunAsync(new StartRunRequest { Id = bot.Id }, headers);
        await output.WriteLineAsync("started");

        using var call = runs.WatchLogs(new WatchLogsRequest { Id = bot.Id, RunId = started.RunId }, headers);
        return await PrintLogAsync(call.ResponseStream, output);
    }

    /// <summary>Prints the lines as they come and returns whether the run succeeded.</summary>
    private static async Task<bool> PrintLogAsync(IAsyncStreamReader<WatchLogsResponse> news, TextWriter output)
    {
        await foreach (var message in news.ReadAllAsync())
        {
            foreach (var shown in message.Lines)
            {
                if (shown.Line != null)
                {
                    await output.WriteLineAsync($"{Word(shown.Line.Level)} {shown.Line.Message}");
                }
            }

            if (message.End != null)
            {
                await output.WriteLineAsync($"ended {message.End.Text}");
                return message.End.Status == RunStatus.Success;
            }
        }

        throw new RpcException(new Status(StatusCode.DataLoss, "the log broke off before the run was over"));
    }

    private static Metadata Headers()
    {
        var headers = new Metadata();
        var key = Environment.GetEnvironmentVariable("SWITCHYARD_API_KEY");
        if (!string.IsNullOrEmpty(key))
        {
            headers.Add("x-api-key", key);
        }

        return headers;
    }

    /// <summary>The word of a level in JSON.</summary>
    private static string Word(LogLine.Types.Level level) => level switch
    {
        LogLine.Types.Level.Debug => "debug",
        LogLine.Types.Level.Warning => "warning",
        LogLine.Types.Level.Error => "error",
        _ => "info",
    };
}
