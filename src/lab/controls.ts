// The accept paths that control experiments run, by name: the three historical strategies behind the acceptance seam, and `serial`,
// which stands earlier, where datagrams of handshakes in progress are worked on. A suite that does not fail on them proves nothing.
import { assert } from '../core/assert.ts'
import type { Acceptance, AcceptanceParts, Admission } from '../node/acceptance.ts'
import { Figures } from './strategies/figures.ts'
import { ACCEPT_PATH_ALONE, type History } from './strategies/history.ts'
import { inline } from './strategies/inline.ts'
import { LockedMaps } from './strategies/locked-maps.ts'
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
  /** The maps of a historical strategy, once its transport is open. */
  readonly maps: () => LockedMaps | null
}

/** Settings of a control: the registrar's places, default as they were, and what else the node is like, default: nothing else. */
export interface ControlSettings {
  readonly channelMax?: number
  readonly history?: History
  /** Where it notes its figures; several transports may share them. Default: figures of its own. */
  readonly figures?: Figures
}

/** Makes a control. */
export const controlOf = (kind: ControlKind, settings: ControlSettings = {}): Control => {
  switch (kind) {
    case 'inline':
      return behindTheSeam(inline, settings)
    case 'spawned':
      return behindTheSeam(spawned, settings)
    case 'registrar':
      return behindTheSeam(registrar(settings.channelMax), settings)
    case 'serial':
      return { figures: new Figures(), options: { admission: new SerialAdmission() }, maps: () => null }
  }
}

const behindTheSeam = (strategy: Strategy, settings: ControlSettings): Control => {
  const { history = ACCEPT_PATH_ALONE, figures = new Figures() } = settings
  let maps: LockedMaps | null = null
  const acceptance = (parts: AcceptanceParts): Acceptance => {
    assert(maps === null, 'a control is for one transport')
    maps = new LockedMaps(parts, figures, history)
    return strategy(parts.own, maps, figures)
  }
  return { figures, options: { acceptance }, maps: () => maps }
}
