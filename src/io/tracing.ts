// What a node does, told on the channels of `node:diagnostics_channel` (docs/tracing.md): work on tracing channels, which also carry the
// asynchronous context of whoever asked for it, steps of connections on plain ones, when they are over.
import { AsyncLocalStorage } from 'node:async_hooks'
import { channel, tracingChannel } from 'node:diagnostics_channel'
import type { TracedStep, TracedWork, Tracing } from './ports.ts'

/** The tracing channels of work: each stands for five, `tracing:NAME:start` and so on. */
export const WORK_CHANNELS: Readonly<Record<TracedWork, string>> = Object.freeze({
  dial: 'sallyport.dial',
  request: 'sallyport.request',
  send: 'sallyport.send',
  put: 'sallyport.put',
  get: 'sallyport.get',
})

/** The channels of steps. */
export const STEP_CHANNELS: Readonly<Record<TracedStep, string>> = Object.freeze({
  handshake: 'sallyport.handshake',
  identity: 'sallyport.identity',
})

const work = {
  dial: tracingChannel(WORK_CHANNELS.dial),
  request: tracingChannel(WORK_CHANNELS.request),
  send: tracingChannel(WORK_CHANNELS.send),
  put: tracingChannel(WORK_CHANNELS.put),
  get: tracingChannel(WORK_CHANNELS.get),
}
const steps = { handshake: channel(STEP_CHANNELS.handshake), identity: channel(STEP_CHANNELS.identity) }

/** Told to whoever in this process listens. */
export const systemTracing: Tracing = Object.freeze<Tracing>({
  run: (what, about, run) => (work[what].hasSubscribers ? work[what].tracePromise(run, { ...about() }) : run()),
  tell: (what, about) => {
    if (steps[what].hasSubscribers) steps[what].publish(about())
  },
  here: () => AsyncLocalStorage.snapshot(),
})
