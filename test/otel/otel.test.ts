// What nodes do, told on diagnostics channels and as traces: two nodes on loopback, with a tracer that keeps its spans in memory.
import assert from 'node:assert/strict'
import { channel, tracingChannel } from 'node:diagnostics_channel'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { after, describe, it } from 'node:test'
import { SpanKind, SpanStatusCode } from '@opentelemetry/api'
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base'
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base'
import { createNode, type Node, STATUS, STEP_CHANNELS, WORK_CHANNELS } from '../../src/index.ts'
import { traceWith } from '../../src/otel/index.ts'

const directory = mkdtempSync(join(tmpdir(), 'sallyport-test-'))
after(() => rmSync(directory, { recursive: true, force: true }))

const LISTEN = ['/ip4/127.0.0.1/udp/0/quic-v1']
const ECHO = '/test/echo'
const BYTES = Buffer.alloc(10_000, 'a')

/** A holder that also echoes, and a client that knows it. */
const withTwo = async (use: (client: Node, holder: Node) => Promise<void>): Promise<void> => {
  await using holder = await createNode({ listen: LISTEN, dataDirectory: mkdtempSync(join(directory, 'holder-')) })
  holder.transport.handle(ECHO, ({ payload }) => ({ status: STATUS.ok, payload }))
  await using client = await createNode({ listen: LISTEN, bootstrap: [...holder.addresses] })
  await client.join()
  await use(client, holder)
}

/** What is traced while something is done, by name, in the order in which it ended. */
const tracing = async (work: () => Promise<void>): Promise<ReadableSpan[]> => {
  const exporter = new InMemorySpanExporter()
  const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] })
  const end = traceWith(provider.getTracer('test'))
  try {
    await work()
  } finally {
    end()
  }
  return exporter.getFinishedSpans()
}

const named = (spans: readonly ReadableSpan[], name: string): ReadableSpan[] =>
  spans.filter((span) => span.name === `sallyport ${name}`)

describe('a trace', () => {
  it('of joining has the dial, the handshake and the identities of both sides, and what the phonebook asked', async () => {
    let peerId = ''
    const spans = await tracing(() =>
      withTwo(async (_client, holder) => {
        peerId = holder.peerId
      }),
    )
    const [dial] = named(spans, 'dial')
    assert.ok(dial !== undefined)
    assert.deepEqual([dial.kind, dial.attributes['sallyport.expected']], [SpanKind.CLIENT, peerId])
    assert.match(String(dial.attributes['sallyport.address']), /^127\.0\.0\.1:\d+$/)
    for (const step of ['handshake', 'identity']) {
      const sides = named(spans, step)
      assert.deepEqual(
        new Set(sides.map(({ kind, attributes }) => `${kind} ${String(attributes['sallyport.direction'])}`)),
        new Set([`${SpanKind.SERVER} inbound`, `${SpanKind.CLIENT} outbound`]),
        step,
      )
      for (const { attributes, duration, status } of sides) {
        assert.match(String(attributes['sallyport.peer_id']), /^[0-9a-f]{64}$/)
        assert.equal(status.code, SpanStatusCode.UNSET)
        assert.ok(duration[0] * 1e9 + duration[1] > 0)
      }
    }
    assert.ok(named(spans, 'request').length > 0)
  })

  it('of an upload and a download has the requests they were made of beneath them, and neither key nor link', async () => {
    let link = ''
    const spans = await tracing(() =>
      withTwo(async (client) => {
        ;({ link } = await client.put(Readable.from([BYTES]), { allowFewer: true }))
        await client.get(link, join(directory, 'copy'))
      }),
    )
    for (const [name, about] of [
      ['put', { 'sallyport.from': 'stream', 'sallyport.private': false }],
      ['get', { 'sallyport.to': 'file' }],
    ] as const) {
      const [whole, ...others] = named(spans, name)
      assert.ok(whole !== undefined && others.length === 0)
      assert.deepEqual(whole.attributes, about)
      const within = named(spans, 'request').filter(
        ({ parentSpanContext }) => parentSpanContext?.spanId === whole.spanContext().spanId,
      )
      const kinds = new Set(within.map(({ attributes }) => attributes['sallyport.protocol']))
      assert.ok(
        [...kinds].some((kind) => String(kind).includes('chunk')),
        `${name}: ${[...kinds].join()}`,
      )
    }
    const key = link.split('#')[1]
    assert.ok(key !== undefined && key.length === 64)
    assert.ok(!JSON.stringify(spans.map(({ name, attributes, events }) => [name, attributes, events])).includes(key))
  })

  it('says how a request and a dial failed', async () => {
    const spans = await tracing(() =>
      withTwo(async (client) => {
        await assert.rejects(client.transport.request(client.peerId, ECHO, BYTES))
        await assert.rejects(client.transport.connectPeer('/ip4/127.0.0.1/udp/9/quic-v1', { timeoutMs: 200 }))
      }),
    )
    const failed = spans.filter(({ status }) => status.code === SpanStatusCode.ERROR)
    const codes = failed.map(({ name, attributes }) => `${name} ${String(attributes['error.type'])}`)
    assert.ok(codes.includes('sallyport request NOT_CONNECTED'), codes.join())
    assert.ok(codes.includes('sallyport dial DIAL_TIMEOUT'), codes.join())
    assert.ok(codes.includes('sallyport handshake cancelled'), codes.join())
  })

  it('ends when it is told to, and nobody listens any more', async () => {
    const spans = await tracing(async () => {})
    await withTwo(async (client, holder) => {
      await client.transport.request(holder.peerId, ECHO, BYTES)
    })
    assert.deepEqual(spans, [])
    for (const name of Object.values(WORK_CHANNELS)) assert.ok(!tracingChannel(name).hasSubscribers, name)
    for (const name of Object.values(STEP_CHANNELS)) assert.ok(!channel(name).hasSubscribers, name)
  })
})
