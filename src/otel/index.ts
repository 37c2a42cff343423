// `sallyport/otel`: what nodes of this process do, as traces of OpenTelemetry (docs/tracing.md).
import { AsyncLocalStorage } from 'node:async_hooks'
import { channel, tracingChannel } from 'node:diagnostics_channel'
import { type Attributes, context, type Span, SpanKind, SpanStatusCode, trace, type Tracer } from '@opentelemetry/api'
import { STEP_CHANNELS, type TraceDetail, type TracedTime, WORK_CHANNELS } from '../index.ts'

const KINDS: Readonly<Record<keyof typeof WORK_CHANNELS, SpanKind>> = {
  dial: SpanKind.CLIENT,
  request: SpanKind.CLIENT,
  send: SpanKind.PRODUCER,
  put: SpanKind.INTERNAL,
  get: SpanKind.INTERNAL,
}

/**
 * Gives a span for each dial, request, message, upload and download, under the span that was active where it was asked for, or that of
 * the upload or download it serves, and one for each handshake and each exchange of identities when it is over. Ends when what it
 * returns is called; spans that have begun still end. Default: the global provider's tracer `sallyport`.
 */
export const traceWith = (tracer: Tracer = trace.getTracer('sallyport')): (() => void) => {
  const current = new AsyncLocalStorage<Span>()
  const ends = [
    ...names(WORK_CHANNELS).map((name) => traceWork(name, tracer, current)),
    ...names(STEP_CHANNELS).map((name) => traceStep(name, tracer)),
  ]
  return () => {
    for (const end of ends.splice(0)) end()
  }
}

const traceWork = (name: keyof typeof WORK_CHANNELS, tracer: Tracer, current: AsyncLocalStorage<Span>) => {
  const spans = new WeakMap<object, Span>()
  const work = tracingChannel<Partial<Failed> & object, Span>(WORK_CHANNELS[name])
  const begun = (about: object): Span => {
    const outer = current.getStore()
    const parent = outer === undefined ? context.active() : trace.setSpan(context.active(), outer)
    const span = tracer.startSpan(
      `sallyport ${name}`,
      { kind: KINDS[name], attributes: attributesOf(about as TraceDetail) },
      parent,
    )
    spans.set(about, span)
    return span
  }
  const over = {
    asyncEnd: (about: Partial<Failed> & object): void => {
      const span = spans.get(about)
      if (span === undefined) return
      spans.delete(about)
      if ('error' in about) fail(span, about.error)
      span.end()
    },
  }
  work.start.bindStore(current, begun)
  work.subscribe(over)
  return () => {
    work.start.unbindStore(current)
    work.unsubscribe(over)
  }
}

const traceStep = (name: keyof typeof STEP_CHANNELS, tracer: Tracer) => {
  const step = channel(STEP_CHANNELS[name])
  const over = (message: unknown): void => {
    const { beganAt, tookMs, ...about } = message as TraceDetail & TracedTime
    const kind = about['direction'] === 'inbound' ? SpanKind.SERVER : SpanKind.CLIENT
    const options = { kind, startTime: beganAt, attributes: attributesOf(about), root: true }
    const span = tracer.startSpan(`sallyport ${name}`, options)
    if (typeof about['failure'] === 'string') fail(span, { code: about['failure'], message: about['failure'] })
    span.end(beganAt + tookMs)
  }
  step.subscribe(over)
  return () => step.unsubscribe(over)
}

interface Failed {
  readonly error: unknown
}

const fail = (span: Span, thrown: unknown): void => {
  const { code, message } = thrown as { readonly code?: unknown; readonly message?: unknown }
  span.setAttribute('error.type', String(code))
  span.setStatus({ code: SpanStatusCode.ERROR, message: String(message) })
}

/** Null is no value of an attribute. */
const attributesOf = (about: TraceDetail): Attributes =>
  Object.fromEntries(
    Object.entries(about).flatMap(([key, value]) => (value === null ? [] : [[`sallyport.${snake(key)}`, value]])),
  )

const snake = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)

const names = <Name extends string>(of: Readonly<Record<Name, unknown>>): Name[] => Object.keys(of) as Name[]
