// The signatures and verifications of one connection's handshake, done by workers until nobody waits for them any more.
import type { Work, WorkDone } from '../core/ports.ts'
import type { CertificateKey, Identity } from '../io/ports.ts'
import type { Link } from './link.ts'
import { type WorkBench, workWhenFree } from './patient-work.ts'

/** Who does it, and whose keys sign: a certificate's where the work names a scheme, the identity's otherwise. */
export interface LinkBench extends WorkBench {
  readonly identity: Identity | null
  readonly certificateKey?: CertificateKey
}

/** Has work of a link done; `done` is told the result and how long it took, in milliseconds, while the link is there. */
export const workForLink = (
  bench: LinkBench,
  { link, work }: { readonly link: Link; readonly work: Work },
  done: (result: WorkDone, tookMs: number) => void,
): void => {
  const { state } = link
  const askedAt = bench.clock.now()
  link.working++
  workWhenFree(bench, {
    work,
    identity: work.kind === 'sign' && work.scheme !== undefined ? (bench.certificateKey ?? null) : bench.identity,
    ...(state.kind === 'half-open' && { deadline: state.deadline }),
    wanted: () => link.state.kind !== 'closed',
    done: (result) => {
      link.working--
      done(result, bench.clock.now() - askedAt)
    },
  })
}
