// Follow creates a bot, starts it, follows its log and prints the end.
//
//	follow HOST:PORT OWNER
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	botsv1 "switchyard.invalid/go/switchyard/bots/v1"
	tasksv1 "switchyard.invalid/go/switchyard/tasks/v1"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: follow HOST:PORT OWNER")
		os.Exit(2)
	}
	succeeded, err := follow(os.Args[1], os.Args[2])
	switch {
	case status.Code(err) == codes.Unavailable:
		fmt.Fprintln(os.Stderr, "cannot reach", os.Args[1])
		os.Exit(2)
	case err != nil:
		fmt.Fprintf(os.Stderr, "%v: %s\n", status.Code(err), status.Convert(err).Message())
		os.Exit(1)
	case !succeeded:
		os.Exit(1)
	}
}

// follow reports whether the run succeeded.
func follow(address, owner string) (bool, error) {
	connection, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return false, err
	}
	defer connection.Close()

	ctx := context.Background()
	if key := os.Getenv("SWITCHYARD_API_KEY"); key != "" {
		ctx = metadata.AppendToOutgoingContext(ctx, "x-api-key", key)
	}

	created, err := botsv1.NewBotInstanceServiceClient(connection).CreateBotInstance(ctx, &botsv1.CreateBotInstanceRequest{
		OwnerType: botsv1.OwnerType_OWNER_TYPE_USER,
		OwnerId:   owner,
		BotCode:   "noop",
	})
	if err != nil {
		return false, err
	}
	fmt.Println("created", created.BotInstance.BotCode)

	runs := botsv1.NewRunServiceClient(connection)
	id := created.BotInstance.Id
	run, err := runs.StartRun(ctx, &botsv1.StartRunRequest{Id: id})
	if err != nil {
		return false, err
	}
	fmt.Println("started")

	log, err := runs.WatchLogs(ctx, &botsv1.WatchLogsRequest{Id: id, RunId: run.RunId})
	if err != nil {
		return false, err
	}
	return printLog(log)
}

// printLog prints the lines as they come, and reports whether the run succeeded.
func printLog(log grpc.ServerStreamingClient[botsv1.WatchLogsResponse]) (bool, error) {
	for {
		next, err := log.Recv()
		if errors.Is(err, io.EOF) {
			return false, errors.New("the log has no end")
		}
		if err != nil {
			return false, err
		}
		for _, shown := range next.Lines {
			// A line without one names the instance; it is not part of the log.
			if line := shown.Line; line != nil {
				fmt.Println(word(line.Level), line.Message)
			}
		}
		if next.End != nil {
			fmt.Println("ended", next.End.Text)
			return next.End.Status == botsv1.RunStatus_RUN_STATUS_SUCCESS, nil
		}
	}
}

// word gives a level as JSON spells it.
func word(level tasksv1.LogLine_Level) string {
	if level == tasksv1.LogLine_LEVEL_UNSPECIFIED {
		return "info"
	}
	return strings.ToLower(strings.TrimPrefix(level.String(), "LEVEL_"))
}
