// A QUIC client and server of quic-go, behind the command line that all peers here share (interop/README.md).
package main

import (
	"crypto/tls"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"

	"github.com/quic-go/quic-go"
)

const alpn = "hq-interop"

type options struct {
	port                        int
	cert, key, ca, groups, test string
	retry, refuseV1             bool
	bytes                       int
}

type fact map[string]any

func say(f fact) {
	line, err := json.Marshal(f)
	if err != nil {
		panic(err)
	}
	fmt.Println(string(line))
}

// pattern is what every peer answers with: the bytes 0 to 250, again and again.
func pattern(length int) []byte {
	bytes := make([]byte, length)
	for i := range bytes {
		bytes[i] = byte(i % 251)
	}
	return bytes
}

// groupsNamed are the groups to restrict TLS to; nil for its default.
func groupsNamed(name string) []tls.CurveID {
	switch name {
	case "x25519":
		return []tls.CurveID{tls.X25519}
	case "p256":
		return []tls.CurveID{tls.CurveP256}
	case "hybrid":
		return []tls.CurveID{tls.X25519MLKEM768}
	}
	return nil
}

func closing(err error) fact {
	var application *quic.ApplicationError
	if errors.As(err, &application) {
		return fact{"kind": "application", "code": uint64(application.ErrorCode), "reason": application.ErrorMessage}
	}
	var transport *quic.TransportError
	if errors.As(err, &transport) {
		return fact{"kind": "transport", "code": uint64(transport.ErrorCode), "reason": transport.ErrorMessage}
	}
	return fact{"kind": "other", "code": 0, "reason": fmt.Sprint(err)}
}

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "client or server?")
		os.Exit(2)
	}
	var chosen options
	flags := flag.NewFlagSet(os.Args[1], flag.ExitOnError)
	flags.IntVar(&chosen.port, "port", 0, "")
	flags.StringVar(&chosen.cert, "cert", "", "")
	flags.StringVar(&chosen.key, "key", "", "")
	flags.StringVar(&chosen.ca, "ca", "", "")
	flags.StringVar(&chosen.groups, "groups", "default", "")
	flags.StringVar(&chosen.test, "test", "handshake", "")
	flags.BoolVar(&chosen.retry, "retry", false, "")
	flags.BoolVar(&chosen.refuseV1, "refuse-v1", false, "")
	flags.IntVar(&chosen.bytes, "bytes", 1000, "")
	_ = flags.Parse(os.Args[2:])
	run := runServer
	if os.Args[1] == "client" {
		run = runClient
	}
	if err := run(chosen); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
