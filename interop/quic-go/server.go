package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"

	"github.com/quic-go/quic-go"
)

func runServer(chosen options) error {
	certificate, err := tls.LoadX509KeyPair(chosen.cert, chosen.key)
	if err != nil {
		return err
	}
	security := &tls.Config{
		Certificates:     []tls.Certificate{certificate},
		NextProtos:       []string{alpn},
		CurvePreferences: groupsNamed(chosen.groups),
	}
	socket, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: chosen.port})
	if err != nil {
		return err
	}
	transport := &quic.Transport{Conn: socket, VerifySourceAddress: func(net.Addr) bool { return chosen.retry }}
	version := quic.Version1
	if chosen.refuseV1 {
		version = quic.Version2
	}
	listener, err := transport.Listen(security, &quic.Config{Versions: []quic.Version{version}, EnableDatagrams: true})
	if err != nil {
		return err
	}
	say(fact{"event": "listening", "port": socket.LocalAddr().(*net.UDPAddr).Port})
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	for {
		connection, err := listener.Accept(context.Background())
		if err != nil {
			return err
		}
		go serve(connection)
	}
}

func serve(connection *quic.Conn) {
	state := connection.ConnectionState().TLS
	say(fact{"event": "connected", "resumed": state.DidResume, "group": state.CurveID.String(), "suite": tls.CipherSuiteName(state.CipherSuite)})
	go echoAll(connection)
	for {
		stream, err := connection.AcceptStream(context.Background())
		if err != nil {
			closed := closing(err)
			closed["event"] = "closed"
			say(closed)
			return
		}
		go func() {
			if err := answer(connection, stream); err != nil {
				fmt.Fprintln(os.Stderr, err)
			}
		}()
	}
}

// echoAll answers each datagram with itself.
func echoAll(connection *quic.Conn) {
	for {
		datagram, err := connection.ReceiveDatagram(context.Background())
		if err != nil {
			return
		}
		_ = connection.SendDatagram(datagram)
	}
}

// answer answers GET /N with N bytes of the pattern, PUT /N with the digest of what came, and closes with that code for GET /close/N.
func answer(connection *quic.Conn, stream *quic.Stream) error {
	reader := bufio.NewReader(stream)
	line, err := reader.ReadString('\n')
	if err != nil && err != io.EOF {
		return err
	}
	method, path, _ := strings.Cut(strings.TrimSpace(line), " /")
	if method == "PUT" {
		digest := sha256.New()
		if _, err := io.Copy(digest, reader); err != nil {
			return err
		}
		return write(stream, []byte(hex.EncodeToString(digest.Sum(nil))))
	}
	if code, found := strings.CutPrefix(path, "close/"); found {
		number, err := strconv.ParseUint(code, 10, 62)
		if err != nil {
			return err
		}
		return connection.CloseWithError(quic.ApplicationErrorCode(number), "asked to")
	}
	length, err := strconv.Atoi(path)
	if err != nil {
		return err
	}
	return write(stream, pattern(length))
}

func write(stream *quic.Stream, body []byte) error {
	if _, err := io.Copy(stream, bytes.NewReader(body)); err != nil {
		return err
	}
	return stream.Close()
}
