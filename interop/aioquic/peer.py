# A QUIC client and server of aioquic, behind the command line that all peers here share (interop/README.md).
import argparse
import asyncio
import hashlib
import json
import ssl
import sys

from aioquic.asyncio import QuicConnectionProtocol, connect, serve
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.events import ConnectionTerminated, DatagramFrameReceived, HandshakeCompleted, StreamDataReceived
from aioquic.quic.packet import QuicProtocolVersion
from aioquic.tls import CipherSuite, Epoch, Group

ALPN = "hq-interop"
VERSION_UNKNOWN = 0x1A2A3A4A
GROUPS = {"x25519": [Group.X25519], "p256": [Group.SECP256R1]}
SUITES = {
    "aes128": [CipherSuite.AES_128_GCM_SHA256],
    "aes256": [CipherSuite.AES_256_GCM_SHA384],
    "chacha20": [CipherSuite.CHACHA20_POLY1305_SHA256],
}


def say(**fact):
    print(json.dumps(fact), flush=True)


def pattern(length):
    period = bytes(range(251))
    return (period * (length // 251 + 1))[:length]


def closing(event):
    kind = "application" if event.frame_type is None else "transport"
    return {"kind": kind, "code": int(event.error_code), "reason": event.reason_phrase}


def restrict_groups(quic, name):
    """aioquic has no option for the groups; they are an attribute of the TLS context, made when the connection is initialized."""
    if name not in GROUPS:
        return
    initialize = quic._initialize

    def initialize_restricted(peer_cid):
        initialize(peer_cid)
        quic.tls._supported_groups = GROUPS[name]

    quic._initialize = initialize_restricted


class Answering(QuicConnectionProtocol):
    """GET /N answers N bytes of the pattern, PUT /N the digest of what came, GET /close/N closes with that code."""

    options = None

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._requests = {}
        restrict_groups(self._quic, self.options.groups)

    def quic_event_received(self, event):
        if isinstance(event, HandshakeCompleted):
            say(event="connected", resumed=event.session_resumed, suite=self._quic.tls.key_schedule.cipher_suite.name)
        elif isinstance(event, ConnectionTerminated):
            say(event="closed", **closing(event))
        elif isinstance(event, DatagramFrameReceived):
            self._quic.send_datagram_frame(event.data)
        elif isinstance(event, StreamDataReceived) and event.stream_id % 4 == 0:
            self._requests.setdefault(event.stream_id, bytearray()).extend(event.data)
            if event.end_stream:
                self._answer(event.stream_id, bytes(self._requests.pop(event.stream_id)))

    def _answer(self, stream, request):
        line, _, body = request.partition(b"\r\n")
        method, path = line.decode().split(" ")
        if method == "PUT":
            answer = hashlib.sha256(body).hexdigest().encode()
        elif path.startswith("/close/"):
            return self.close(error_code=int(path[7:]), reason_phrase="asked to")
        else:
            answer = pattern(int(path[1:]))
        self._quic.send_stream_data(stream, answer, end_stream=True)


class Asking(QuicConnectionProtocol):
    options = None

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.resumed = None
        self.closed_with = None
        self._answers = {}
        self._datagrams = asyncio.Queue()
        restrict_groups(self._quic, self.options.groups)

    def quic_event_received(self, event):
        if isinstance(event, HandshakeCompleted):
            self.resumed = event.session_resumed
        elif isinstance(event, ConnectionTerminated):
            self.closed_with = closing(event)
            for _, waiter in self._answers.values():
                if not waiter.done():
                    waiter.set_exception(ConnectionError(str(self.closed_with)))
        elif isinstance(event, DatagramFrameReceived):
            self._datagrams.put_nowait(event.data)
        elif isinstance(event, StreamDataReceived):
            received, waiter = self._answers[event.stream_id]
            received.extend(event.data)
            if event.end_stream and not waiter.done():
                waiter.set_result(bytes(received))

    def ask(self, line, body=b""):
        stream = self._quic.get_next_available_stream_id()
        waiter = self._loop.create_future()
        self._answers[stream] = (bytearray(), waiter)
        self._quic.send_stream_data(stream, line.encode() + b"\r\n" + body, end_stream=True)
        self.transmit()
        return waiter

    async def get(self, length):
        if await self.ask(f"GET /{length}") != pattern(length):
            raise ValueError("the answer is not what was asked for")

    async def put(self, length):
        body = pattern(length)
        if (await self.ask(f"PUT /{length}", body)).decode() != hashlib.sha256(body).hexdigest():
            raise ValueError("the digest is another")

    async def echo(self, datagram):
        for _ in range(20):
            self._quic.send_datagram_frame(datagram)
            self.transmit()
            try:
                if await asyncio.wait_for(self._datagrams.get(), 0.5) == datagram:
                    return
            except TimeoutError:
                pass
        raise ValueError("a datagram did not come back")


def client_configuration(options):
    configuration = QuicConfiguration(
        is_client=True, alpn_protocols=[ALPN], server_name="localhost", max_datagram_frame_size=65535
    )
    configuration.load_verify_locations(options.ca)
    configuration.verify_mode = ssl.CERT_REQUIRED
    configuration.cipher_suites = SUITES.get(options.suite)
    configuration.supported_versions = [QuicProtocolVersion.VERSION_1]
    return configuration


def begin(options, configuration, **handlers):
    Asking.options = options
    return connect("127.0.0.1", options.port, configuration=configuration, create_protocol=Asking, **handlers)


async def key_update(options, configuration):
    async with begin(options, configuration) as peer:
        await peer.get(1000)
        for _ in range(2):
            before = peer._quic._cryptos[Epoch.ONE_RTT].key_phase
            peer.request_key_update()
            await peer.get(options.bytes)
            assert peer._quic._cryptos[Epoch.ONE_RTT].key_phase != before, "the key phase did not change"


async def resume(options, configuration):
    tickets = []
    async with begin(options, configuration, session_ticket_handler=tickets.append) as peer:
        await peer.get(1000)
        for _ in range(100):
            if tickets:
                break
            await asyncio.sleep(0.02)
    assert tickets, "no ticket came"
    again = client_configuration(options)
    again.session_ticket = tickets[-1]
    async with begin(options, again) as peer:
        await peer.get(1000)
        assert peer.resumed, "the session was not resumed"


async def close(options, configuration):
    async with begin(options, configuration) as peer:
        await peer.get(1000)
        peer.close(error_code=42, reason_phrase="enough")
    async with begin(options, client_configuration(options)) as peer:
        try:
            await peer.ask("GET /close/43")
        except ConnectionError:
            pass
        assert peer.closed_with == {"kind": "application", "code": 43, "reason": "asked to"}, peer.closed_with


async def simple(options, configuration):
    if options.test == "version":
        configuration.original_version = VERSION_UNKNOWN
        configuration.supported_versions = [VERSION_UNKNOWN, QuicProtocolVersion.VERSION_1]
    async with begin(options, configuration) as peer:
        if options.test == "upload":
            await peer.put(options.bytes)
        elif options.test == "datagrams":
            for n in range(20):
                await peer.echo(bytes([n]) + pattern(options.bytes)[1:])
        elif options.test == "streams":
            await asyncio.gather(*[peer.get(options.bytes) for _ in range(100)])
        else:
            await peer.get(options.bytes)


async def run_client(options):
    tests = {"keyupdate": key_update, "resume": resume, "close": close}
    await tests.get(options.test, simple)(options, client_configuration(options))
    say(ok=True)


async def run_server(options):
    configuration = QuicConfiguration(is_client=False, alpn_protocols=[ALPN], max_datagram_frame_size=65535)
    configuration.load_cert_chain(options.cert, options.key)
    configuration.cipher_suites = SUITES.get(options.suite)
    only = QuicProtocolVersion.VERSION_2 if options.refuse_v1 else QuicProtocolVersion.VERSION_1
    configuration.supported_versions = [only]
    Answering.options = options
    tickets = {}
    server = await serve(
        "127.0.0.1",
        options.port,
        configuration=configuration,
        create_protocol=Answering,
        retry=options.retry,
        session_ticket_fetcher=lambda label: tickets.pop(label, None),
        session_ticket_handler=lambda ticket: tickets.update({ticket.ticket: ticket}),
    )
    say(event="listening", port=server._transport.get_extra_info("sockname")[1])
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


def options():
    parser = argparse.ArgumentParser()
    parser.add_argument("role", choices=["client", "server"])
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--cert")
    parser.add_argument("--key")
    parser.add_argument("--ca")
    parser.add_argument("--retry", action="store_true")
    parser.add_argument("--refuse-v1", action="store_true")
    parser.add_argument("--groups", default="default")
    parser.add_argument("--suite", default="default")
    parser.add_argument("--test", default="handshake")
    parser.add_argument("--bytes", type=int, default=1000)
    return parser.parse_args()


if __name__ == "__main__":
    chosen = options()
    asyncio.run(run_client(chosen) if chosen.role == "client" else run_server(chosen))
