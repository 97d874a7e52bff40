// A gRPC server in Go that serves greeter.proto with reflection. Its argument is the descriptor set of that file, its
// output one line with the address it listens on.
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"sync/atomic"

	_ "google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/reflection"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
)

const file = "greeter.proto"

type greeter struct {
	request, response protoreflect.MessageDescriptor
	greetings         atomic.Int64
}

func (g *greeter) greet(request *dynamicpb.Message) (*dynamicpb.Message, error) {
	name := request.Get(g.request.Fields().ByName("name")).String()
	if name == "nobody" {
		refusal := status.New(codes.NotFound, "nobody is not here")
		told, err := refusal.WithDetails(&errdetails.ErrorInfo{Reason: "NOBODY_HERE", Domain: "greeter.example"})
		if err != nil {
			return nil, err
		}
		return nil, told.Err()
	}
	response := dynamicpb.NewMessage(g.response)
	response.Set(g.response.Fields().ByName("text"), protoreflect.ValueOfString("Hello "+name))
	number := protoreflect.ValueOfInt64(g.greetings.Add(1))
	response.Set(g.response.Fields().ByName("greeting_number"), number)
	return response, nil
}

func (g *greeter) unary(_ any, ctx context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
	request := dynamicpb.NewMessage(g.request)
	if err := decode(request); err != nil {
		return nil, err
	}
	if err := grpc.SetHeader(ctx, metadata.Pairs("cache-control", "max-age=60")); err != nil {
		return nil, err
	}
	return g.greet(request)
}

func (g *greeter) often(_ any, stream grpc.ServerStream) error {
	request := dynamicpb.NewMessage(g.request)
	if err := stream.RecvMsg(request); err != nil {
		return err
	}
	for range request.Get(g.request.Fields().ByName("count")).Int() {
		response, err := g.greet(request)
		if err != nil {
			return err
		}
		if err := stream.SendMsg(response); err != nil {
			return err
		}
	}
	return nil
}

func (g *greeter) talk(_ any, stream grpc.ServerStream) error {
	for {
		request := dynamicpb.NewMessage(g.request)
		if err := stream.RecvMsg(request); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		response, err := g.greet(request)
		if err != nil {
			return err
		}
		if err := stream.SendMsg(response); err != nil {
			return err
		}
	}
}

// register makes the file known, which reflection tells of.
func register(path string) (protoreflect.FileDescriptor, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	set := &descriptorpb.FileDescriptorSet{}
	if err := proto.Unmarshal(data, set); err != nil {
		return nil, err
	}
	for _, one := range set.File {
		if one.GetName() == file {
			made, err := protodesc.NewFile(one, protoregistry.GlobalFiles)
			if err != nil {
				return nil, err
			}
			return made, protoregistry.GlobalFiles.RegisterFile(made)
		}
	}
	return nil, fmt.Errorf("%s has no %s", path, file)
}

func serve(path string) error {
	described, err := register(path)
	if err != nil {
		return err
	}
	messages := described.Messages()
	g := &greeter{request: messages.ByName("GreetRequest"), response: messages.ByName("GreetResponse")}
	server := grpc.NewServer()
	server.RegisterService(&grpc.ServiceDesc{
		ServiceName: string(described.Services().ByName("GreeterService").FullName()),
		Methods:     []grpc.MethodDesc{{MethodName: "Greet", Handler: g.unary}},
		Streams: []grpc.StreamDesc{
			{StreamName: "GreetOften", Handler: g.often, ServerStreams: true},
			{StreamName: "Talk", Handler: g.talk, ServerStreams: true, ClientStreams: true},
		},
		Metadata: file,
	}, nil)
	reflection.Register(server)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(listener.Addr())
	return server.Serve(listener)
}

func main() {
	if err := serve(os.Args[1]); err != nil {
		log.Fatal(err)
	}
}
