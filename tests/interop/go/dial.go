package main

import (
	"context"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/resolver"
	"google.golang.org/grpc/resolver/manual"
)

// dial opens a channel to one or more addresses of the same service.
func dial(c command) *grpc.ClientConn {
	addresses := manual.NewBuilderWithScheme("list")
	var state resolver.State
	for _, address := range c.Addresses {
		state.Addresses = append(state.Addresses, resolver.Address{Addr: address})
	}
	addresses.InitialState(state)
	options := []grpc.DialOption{
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithResolvers(addresses),
	}
	if c.ServiceConfig != "" {
		options = append(options, grpc.WithDefaultServiceConfig(c.ServiceConfig))
	}
	connection, err := grpc.NewClient("list:///likeness", options...)
	check(err)
	return connection
}

func authorized(ctx context.Context, token string) context.Context {
	if token == "" {
		return ctx
	}
	return metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+token)
}
