// A client of Likeness that carries out the commands on its standard input, one JSON object a line, and prints what came
// of each: what tests/interop asks of every language.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"os"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/status"
)

type command struct {
	Call               string
	Addresses          []string
	Token              string
	ServiceConfig      string  `json:"service_config"`
	DeadlineSeconds    float64 `json:"deadline_seconds"`
	CancelAfterSeconds float64 `json:"cancel_after_seconds"`
	Attempts           int
	With               input
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var next command
		check(json.Unmarshal(lines.Bytes(), &next))
		say(perform(next))
	}
	check(lines.Err())
}

func say(what any) { check(json.NewEncoder(os.Stdout).Encode(what)) }

// perform makes the call, and makes it again for as long as the server asks for patience and the command has some.
func perform(c command) any {
	connection := dial(c)
	defer connection.Close()
	for attempt := 1; ; attempt++ {
		answer, err := call(connection, c)
		if err == nil {
			return map[string]any{"ok": answer, "attempts": attempt}
		}
		failure := describe(status.Convert(err).Proto())
		if failure.RetrySeconds == 0 || attempt >= c.Attempts {
			return map[string]any{"error": failure, "attempts": attempt}
		}
		say(map[string]any{"refused": failure})
		time.Sleep(time.Duration(failure.RetrySeconds * float64(time.Second)))
	}
}

func call(connection *grpc.ClientConn, c command) (any, error) {
	ctx, cancel := context.WithCancel(authorized(context.Background(), c.Token))
	defer cancel()
	if c.DeadlineSeconds > 0 {
		ctx, cancel = context.WithTimeout(ctx, time.Duration(c.DeadlineSeconds*float64(time.Second)))
		defer cancel()
	}
	if c.CancelAfterSeconds > 0 {
		time.AfterFunc(time.Duration(c.CancelAfterSeconds*float64(time.Second)), cancel)
	}
	return calls[c.Call](ctx, connection, c.With)
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
