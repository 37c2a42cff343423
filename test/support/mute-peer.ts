// A peer that finishes TLS and then says nothing: no control stream, no HELLO. It acknowledges packets as any QUIC does.
import type { Address } from '../../src/core/address.ts'
import { Counters } from '../../src/core/counters.ts'
import { connectionHandle } from '../../src/core/ids.ts'
import { ALPN } from '../../src/core/messages/codes.ts'
import { TRANSPORT_DEFAULTS } from '../../src/core/quic/settings.ts'
import { generateIdentity } from '../../src/io/identity.ts'
import type { Identity, Ports } from '../../src/io/ports.ts'
import { Endpoint } from '../../src/node/endpoint.ts'
import { limitsOf } from '../../src/node/options.ts'
import { Schedule } from '../../src/node/schedule.ts'

/** Binds at `local` and dials `remote`, as somebody new unless an identity is given; the endpoint is the caller's to close. */
export const mutePeer = async (
  ports: Ports,
  { local, remote, identity }: { readonly local: Address; readonly remote: Address; readonly identity?: Identity },
): Promise<Endpoint> => {
  let drawn = 0
  const endpoint = new Endpoint({
    ports,
    identity: identity ?? (await generateIdentity()),
    alpn: [ALPN],
    limits: limitsOf(),
    transport: TRANSPORT_DEFAULTS,
    schedule: new Schedule(ports.clock, ports.timers),
    counters: new Counters(),
    acceptance: { established: () => {}, migrated: () => {}, lost: () => {}, failed: () => {} },
    handles: { full: false, size: 0, draw: () => connectionHandle(++drawn) },
  })
  await endpoint.bind(local)
  endpoint.dial(remote, null)
  return endpoint
}
