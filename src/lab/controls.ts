// The accept paths that control experiments run, by name: the three historical strategies behind the acceptance seam, and `serial`,
// which stands earlier, where datagrams of handshakes in progress are worked on. A suite that does not fail on them proves nothing.
import type { Acceptance, AcceptanceParts, Admission } from '../node/acceptance.ts'
import { Figures } from './strategies/figures.ts'
import { inline } from './strategies/inline.ts'
import { registrar } from './strategies/registrar.ts'
import { SerialAdmission } from './strategies/serial.ts'
import { spawned } from './strategies/spawned.ts'
import type { Strategy } from './strategies/strategy.ts'

/** The names of the controls. */
export const CONTROLS = ['inline', 'spawned', 'registrar', 'serial'] as const
export type ControlKind = (typeof CONTROLS)[number]

/** What a transport is opened with to run a control, and what it notes meanwhile; for one transport only. */
export interface Control {
  readonly figures: Figures
  readonly options: {
    readonly acceptance?: (parts: AcceptanceParts) => Acceptance
    readonly admission?: Admission
  }
}

/** Makes a control; `channelMax` is the registrar's, default as it was. */
export const controlOf = (kind: ControlKind, { channelMax }: { readonly channelMax?: number } = {}): Control => {
  switch (kind) {
    case 'inline':
      return behindTheSeam(inline)
    case 'spawned':
      return behindTheSeam(spawned)
    case 'registrar':
      return behindTheSeam(registrar(channelMax))
    case 'serial':
      return { figures: new Figures(), options: { admission: new SerialAdmission() } }
  }
}

const behindTheSeam = (strategy: Strategy): Control => {
  const figures = new Figures()
  return { figures, options: { acceptance: (parts) => strategy(parts, figures) } }
}
