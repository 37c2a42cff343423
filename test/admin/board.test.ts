// What crosses from the node's thread to the admin's: how much at once, how old it may be, and what follows from silence.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Board } from '../../src/admin/board.ts'
import { Feed, PAGES_PER_READING } from '../../src/admin/feed.ts'
import { Pace, WAIT_MS_MAX } from '../../src/admin/pace.ts'
import { DEAD_AFTER_MS, UNREADY_AFTER_MS } from '../../src/admin/pulse.ts'
import type { ToAdmin } from '../../src/admin/reading.ts'
import { Scene } from './watched.ts'

/** A feed whose turns a test takes. */
const fed = (scene: Scene): { feed: Feed; sent: ToAdmin[]; turn: () => boolean } => {
  const sent: ToAdmin[] = []
  const turns: (() => void)[] = []
  const feed = new Feed(scene, { post: (message) => void sent.push(message), soon: (run) => void turns.push(run) })
  const turn = (): boolean => {
    const run = turns.shift()
    run?.()
    return run !== undefined
  }
  return { feed, sent, turn }
}

describe('a feed', () => {
  test('sends a reading each second, and a page of connections in each turn after it', () => {
    const scene = new Scene()
    scene.crowd = 450
    const { feed, sent, turn } = fed(scene)
    feed.tick()
    assert.deepEqual(
      sent.map(({ kind }) => kind),
      ['reading'],
    )
    for (let pages = 1; turn(); pages++) assert.equal(sent.length, 1 + pages)
    const pages = sent.flatMap((message) =>
      message.kind === 'page' ? [[message.connections.length, message.last]] : [],
    )
    assert.deepEqual(pages, [
      [200, false],
      [200, false],
      [50, true],
    ])
  })

  test('goes on the next second where there are more connections than a second has pages', () => {
    const scene = new Scene()
    scene.crowd = 200 * PAGES_PER_READING + 1
    const { feed, sent, turn } = fed(scene)
    feed.tick()
    while (turn());
    assert.equal(scene.pages, PAGES_PER_READING)
    for (const _ of sent.splice(0)) feed.took()
    feed.tick()
    while (turn());
    const [, page] = sent
    assert.ok(page?.kind === 'page' && page.last && page.connections.length === 1)
  })

  test('sends nothing more until all was taken, however long that takes', () => {
    const scene = new Scene()
    const { feed, sent, turn } = fed(scene)
    feed.tick()
    feed.tick()
    while (turn());
    feed.took()
    for (let second = 0; second < 100; second++) feed.tick()
    assert.deepEqual([scene.readings, sent.length], [1, 2])
    feed.took()
    feed.tick()
    assert.equal(scene.readings, 2)
  })

  test('begins anew for another thread', () => {
    const scene = new Scene()
    scene.crowd = 2000
    const { feed, sent, turn } = fed(scene)
    feed.tick()
    while (turn());
    feed.anew()
    sent.length = 0
    feed.tick()
    turn()
    const [, page] = sent
    assert.ok(page?.kind === 'page' && page.connections[0]?.connection === 1)
  })
})

describe('a board', () => {
  test('takes a round without an end for one that ends, however many connections come and go', () => {
    const board = new Board({ now: () => 0, wall: () => 0 })
    const { connections } = new Scene().transport.connections()
    const page = Array.from({ length: 1000 }, () => connections[0]!)
    for (let pages = 0; pages < 60; pages++) board.take({ kind: 'page', connections: page, last: false })
    assert.ok(board.connections.all.length >= 10_000, `${board.connections.all.length}`)
  })

  const made = (): { board: Board; wait: (ms: number) => void; read: () => void } => {
    let now = 0
    const board = new Board({ now: () => now, wall: () => now })
    const { peerId, addresses, transport } = new Scene()
    const reading = { peerId, addresses, metrics: transport.metrics(), endings: [] }
    return { board, wait: (ms) => void (now += ms), read: () => board.take({ kind: 'reading', reading }) }
  }

  test('is ready once there is a reading and the network is joined, and no more when the node closes', () => {
    const { board, read } = made()
    const texts = [board.pulse.readiness.text]
    read()
    texts.push(board.pulse.readiness.text)
    board.take({ kind: 'joined' })
    texts.push(board.pulse.readiness.text)
    board.take({ kind: 'closing' })
    board.take({ kind: 'joined' })
    texts.push(board.pulse.readiness.text)
    const before = ['the node has not answered yet', 'the node is joining its network']
    assert.deepEqual(texts, [...before, 'ok', 'the node is closing'])
    assert.ok(board.pulse.health.isWell)
  })

  test('says of a node that falls silent that it is not to be used, and then that it is dead', () => {
    const { board, wait, read } = made()
    board.take({ kind: 'joined' })
    wait(DEAD_AFTER_MS - 1)
    assert.ok(board.pulse.health.isWell)
    read()
    wait(UNREADY_AFTER_MS - 1)
    assert.ok(board.pulse.readiness.isWell)
    wait(1)
    assert.deepEqual([board.pulse.readiness.isWell, board.pulse.health.isWell], [false, true])
    wait(DEAD_AFTER_MS)
    assert.deepEqual(board.pulse.health, { isWell: false, text: 'the node has not answered for 15 s' })
    read()
    assert.deepEqual([board.pulse.readiness.isWell, board.pulse.health.isWell], [true, true])
  })

  test('shows the connections of whole rounds', () => {
    const { board, wait } = made()
    const { connections } = new Scene().transport.connections()
    board.take({ kind: 'page', connections, last: false })
    assert.equal(board.connections.all.length, 0)
    wait(7)
    board.take({ kind: 'page', connections, last: true })
    wait(2)
    assert.deepEqual([board.connections.all.length, board.connections.ageMs], [6, 2])
    board.take({ kind: 'page', connections, last: true })
    assert.equal(board.connections.all.length, 3)
  })
})

describe('a pace', () => {
  test('lets some through at once, then makes wait, and turns away whoever would wait too long', () => {
    const pace = new Pace()
    const waits = Array.from({ length: 200 }, () => pace.take(0))
    assert.ok(waits.slice(0, 50).every((ms) => ms === 0))
    assert.deepEqual(waits.slice(50, 53), [40, 80, 120])
    assert.equal(waits.at(-1), null)
    assert.ok(waits.every((ms) => ms === null || ms <= WAIT_MS_MAX))
    // After a pause all is as at first.
    assert.deepEqual(Array.from({ length: 51 }, () => pace.take(1e6)).slice(-2), [0, 40])
  })

  test('never lets more through than its rate and its burst, whoever asks when', () => {
    const pace = new Pace()
    let through = 0
    for (let now = 0; now < 10_000; now += 7) if (pace.take(now) !== null) through++
    assert.ok(through <= 25 * (10 + WAIT_MS_MAX / 1000) + 50, String(through))
  })
})
