package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync/atomic"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/qlog"
	"github.com/quic-go/quic-go/qlogwriter"
)

// keyUpdates counts the updates of 1-RTT keys; quic-go begins one by itself after its first 100 packets.
type keyUpdates struct{ count atomic.Int64 }

func (k *keyUpdates) AddProducer() qlogwriter.Recorder { return k }
func (k *keyUpdates) Close() error                     { return nil }
func (k *keyUpdates) RecordEvent(event qlogwriter.Event) {
	updated, ok := event.(qlog.KeyUpdated)
	if ok && updated.Trigger != qlog.KeyUpdateTLS {
		k.count.Add(1)
	}
}

type sessions struct {
	tls.ClientSessionCache
	put chan struct{}
}

func (s *sessions) Put(key string, state *tls.ClientSessionState) {
	s.ClientSessionCache.Put(key, state)
	select {
	case s.put <- struct{}{}:
	default:
	}
}

type asker struct {
	chosen   options
	security *tls.Config
	config   *quic.Config
}

func runClient(chosen options) error {
	authority, err := os.ReadFile(chosen.ca)
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(authority) {
		return errors.New("no authority in the file")
	}
	security := &tls.Config{
		RootCAs: roots, ServerName: "localhost", NextProtos: []string{alpn}, CurvePreferences: groupsNamed(chosen.groups),
	}
	a := asker{chosen, security, &quic.Config{Versions: []quic.Version{quic.Version1}, EnableDatagrams: true}}
	tests := map[string]func() error{"keyupdate": a.keyUpdate, "resume": a.resume, "close": a.close, "migrate": a.migrate}
	test, found := tests[chosen.test]
	if !found {
		test = a.simple
	}
	if err := test(); err != nil {
		return err
	}
	say(fact{"ok": true})
	return nil
}

func (a asker) dial() (*quic.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return quic.DialAddr(ctx, fmt.Sprintf("127.0.0.1:%d", a.chosen.port), a.security, a.config)
}

func ask(connection *quic.Conn, line string, body []byte) ([]byte, error) {
	stream, err := connection.OpenStreamSync(context.Background())
	if err != nil {
		return nil, err
	}
	go func() {
		_, _ = stream.Write(append([]byte(line+"\r\n"), body...))
		_ = stream.Close()
	}()
	return io.ReadAll(stream)
}

func get(connection *quic.Conn, length int) error {
	answer, err := ask(connection, fmt.Sprintf("GET /%d", length), nil)
	if err == nil && !bytes.Equal(answer, pattern(length)) {
		err = errors.New("the answer is not what was asked for")
	}
	return err
}

func put(connection *quic.Conn, length int) error {
	body := pattern(length)
	answer, err := ask(connection, fmt.Sprintf("PUT /%d", length), body)
	digest := sha256.Sum256(body)
	if err == nil && string(answer) != hex.EncodeToString(digest[:]) {
		err = errors.New("the digest is another")
	}
	return err
}

func (a asker) simple() error {
	if a.chosen.test == "version" {
		a.config.Versions = []quic.Version{quic.Version2, quic.Version1}
	}
	connection, err := a.dial()
	if err != nil {
		return err
	}
	defer func() { _ = connection.CloseWithError(0, "") }()
	if version := connection.ConnectionState().Version; version != quic.Version1 {
		return fmt.Errorf("version %v was negotiated", version)
	}
	if a.chosen.groups == "hybrid" && connection.ConnectionState().TLS.CurveID != tls.X25519MLKEM768 {
		return errors.New("another group was negotiated")
	}
	switch a.chosen.test {
	case "upload":
		return put(connection, a.chosen.bytes)
	case "datagrams":
		return echo(connection, a.chosen.bytes)
	case "streams":
		return parallel(connection, a.chosen.bytes)
	}
	return get(connection, a.chosen.bytes)
}

func parallel(connection *quic.Conn, length int) error {
	results := make(chan error, 100)
	for range 100 {
		go func() { results <- get(connection, length) }()
	}
	var failed error
	for range 100 {
		failed = errors.Join(failed, <-results)
	}
	return failed
}

// echo sends datagrams, each of which has to come back; one that does not for a while may have been lost.
func echo(connection *quic.Conn, length int) error {
	datagram := pattern(length)
	for n := range 20 {
		datagram[0] = byte(n)
		if err := echoed(connection, datagram); err != nil {
			return err
		}
	}
	return nil
}

func echoed(connection *quic.Conn, datagram []byte) error {
	for range 20 {
		if err := connection.SendDatagram(datagram); err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(context.Background(), 500*time.Millisecond)
		answer, err := connection.ReceiveDatagram(ctx)
		cancel()
		if err == nil && bytes.Equal(answer, datagram) {
			return nil
		}
	}
	return errors.New("a datagram did not come back")
}

// migrate moves to another socket while a transfer goes on. What dials by a transport of its own has connection ids, which DialAddr's has not.
func (a asker) migrate() error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	from, err := transport()
	if err != nil {
		return err
	}
	to, err := transport()
	if err != nil {
		return err
	}
	server := &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: a.chosen.port}
	connection, err := from.Dial(ctx, server, a.security, a.config)
	if err != nil {
		return err
	}
	defer func() { _ = connection.CloseWithError(0, "") }()
	got := make(chan error, 1)
	go func() { got <- get(connection, a.chosen.bytes) }()
	path, err := connection.AddPath(to)
	if err != nil {
		return err
	}
	if err := path.Probe(ctx); err != nil {
		return err
	}
	if err := path.Switch(); err != nil {
		return err
	}
	return errors.Join(<-got, get(connection, 1000))
}

func transport() (*quic.Transport, error) {
	socket, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return nil, err
	}
	return &quic.Transport{Conn: socket}, nil
}

func (a asker) keyUpdate() error {
	updates := &keyUpdates{}
	a.config.Tracer = func(context.Context, bool, quic.ConnectionID) qlogwriter.Trace { return updates }
	connection, err := a.dial()
	if err != nil {
		return err
	}
	defer func() { _ = connection.CloseWithError(0, "") }()
	if err := errors.Join(get(connection, a.chosen.bytes), get(connection, a.chosen.bytes)); err != nil {
		return err
	}
	if updates.count.Load() == 0 {
		return errors.New("no key update")
	}
	return nil
}

func (a asker) resume() error {
	cache := &sessions{tls.NewLRUClientSessionCache(4), make(chan struct{}, 1)}
	a.security.ClientSessionCache = cache
	first, err := a.dial()
	if err != nil {
		return err
	}
	if err := get(first, 1000); err != nil {
		return err
	}
	select {
	case <-cache.put:
	case <-time.After(3 * time.Second):
		return errors.New("no ticket came")
	}
	_ = first.CloseWithError(0, "")
	second, err := a.dial()
	if err != nil {
		return err
	}
	defer func() { _ = second.CloseWithError(0, "") }()
	if !second.ConnectionState().TLS.DidResume {
		return errors.New("the session was not resumed")
	}
	return get(second, 1000)
}

func (a asker) close() error {
	first, err := a.dial()
	if err != nil {
		return err
	}
	if err := get(first, 1000); err != nil {
		return err
	}
	_ = first.CloseWithError(42, "enough")
	second, err := a.dial()
	if err != nil {
		return err
	}
	_, failure := ask(second, "GET /close/43", nil)
	var application *quic.ApplicationError
	if !errors.As(failure, &application) || application.ErrorCode != 43 || application.ErrorMessage != "asked to" {
		return fmt.Errorf("closed otherwise: %w", failure)
	}
	return nil
}
