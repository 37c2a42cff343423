// Real kernels and links: nodes in network namespaces send as large as the path carries, and no IP fragment leaves. Needs to make network
// namespaces, which takes root and ip(8); where that cannot be, the tests are skipped and say so.
import assert from 'node:assert/strict'
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { createInterface, type Interface } from 'node:readline'
import { test } from 'node:test'

const END = new URL('fragments-end.ts', import.meta.url).pathname
const MEGABYTES = 4

const ip = (...args: string[]): void => void execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'pipe'] })

let rows = 0

/** Namespaces joined by links in a row, with the packet sizes given; the ones between forward. Addresses are 10.<link>.0.1 and .2, and so on. */
class Row implements Disposable {
  readonly names: readonly string[]

  constructor(mtus: readonly number[]) {
    const row = ++rows
    this.names = Array.from({ length: mtus.length + 1 }, (_, i) => `sallyport-${process.pid}-${row}-${i}`)
    for (const name of this.names) ip('netns', 'add', name)
    mtus.forEach((mtu, i) => this.#join(i, mtu))
    const last = mtus.length - 1
    if (last === 0) return
    for (const file of ['net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1']) {
      for (const name of this.names.slice(1, -1)) execFileSync('ip', ['netns', 'exec', name, 'sysctl', '-qw', file])
    }
    for (const [name, via] of [
      [this.names[0]!, (family: 4 | 6) => addressOf(0, 2, family)],
      [this.names.at(-1)!, (family: 4 | 6) => addressOf(last, 1, family)],
    ] as const) {
      ip('-n', name, 'route', 'add', 'default', 'via', via(4))
      ip('-n', name, '-6', 'route', 'add', 'default', 'via', via(6))
    }
  }

  #join(link: number, mtu: number): void {
    const [left, right] = [this.names[link]!, this.names[link + 1]!]
    ip('-n', left, 'link', 'add', `r${link}`, 'type', 'veth', 'peer', 'name', `l${link}`, 'netns', right)
    for (const [name, device, end] of [
      [left, `r${link}`, 1],
      [right, `l${link}`, 2],
    ] as const) {
      ip('-n', name, 'link', 'set', device, 'mtu', String(mtu), 'up')
      ip('-n', name, 'address', 'add', `${addressOf(link, end, 4)}/24`, 'dev', device)
      ip('-n', name, 'address', 'add', `${addressOf(link, end, 6)}/64`, 'dev', device, 'nodad')
    }
  }

  [Symbol.dispose](): void {
    for (const name of this.names) spawnSync('ip', ['netns', 'delete', name])
  }
}

const addressOf = (link: number, end: 1 | 2, family: 4 | 6): string =>
  family === 4 ? `10.${link + 1}.0.${end}` : `fd00:${link + 1}::${end}`

const possible = (): boolean => {
  const name = `sallyport-${process.pid}-try`
  const made = spawnSync('ip', ['netns', 'add', name]).status === 0
  const works = made && spawnSync('ip', ['netns', 'exec', name, 'true']).status === 0
  if (made) spawnSync('ip', ['netns', 'delete', name])
  return works
}

const endIn = (namespace: string, ...args: string[]): ChildProcess =>
  spawn('ip', ['netns', 'exec', namespace, process.execPath, END, ...args], { stdio: ['pipe', 'pipe', 'inherit'] })

/** The next line that a process prints; rejects when it ends before. */
const lineOf = async (child: ChildProcess, lines: Interface): Promise<string> => {
  const ended = once(child, 'exit').then(([code]) => Promise.reject(new Error(`ended with ${String(code)}`)))
  const [line] = (await Promise.race([once(lines, 'line'), ended])) as [string]
  ended.catch(() => {})
  return line
}

/** Sends some megabytes from the first namespace to the last; the fragments made at both ends, and the mean datagram of the sender. */
const transfer = async (row: Row, family: 4 | 6): Promise<{ fragments: number; meanBytes: number }> => {
  const links = row.names.length - 1
  const there = addressOf(links - 1, 2, family)
  const receiver = endIn(row.names.at(-1)!, 'listen', `/ip${family}/${there}/udp/0/quic-v1`)
  const said = createInterface({ input: receiver.stdout! })
  try {
    const line = await lineOf(receiver, said)
    const { address } = JSON.parse(line) as { address: string }
    const sender = endIn(row.names[0]!, 'send', address, String(MEGABYTES))
    const result = await lineOf(sender, createInterface({ input: sender.stdout! }))
    const sent = JSON.parse(result) as { fragments: number; meanBytes: number }
    const ended = lineOf(receiver, said)
    receiver.stdin!.end()
    const last = await ended
    return { meanBytes: sent.meanBytes, fragments: sent.fragments + (JSON.parse(last) as typeof sent).fragments }
  } finally {
    receiver.kill()
  }
}

const skip = possible() ? false : 'network namespaces cannot be made here: that takes root and ip(8)'

for (const family of [4, 6] as const) {
  test(`an Ethernet link is filled and no fragment leaves, IPv${family}`, { skip, timeout: 120_000 }, async () => {
    using row = new Row([1500])
    const { fragments, meanBytes } = await transfer(row, family)
    assert.equal(fragments, 0)
    assert.ok(meanBytes > 1350, `${meanBytes} bytes`)
  })

  test(`neither does behind a router with a smaller link, IPv${family}`, { skip, timeout: 120_000 }, async () => {
    using row = new Row([1500, 1400])
    const { fragments, meanBytes } = await transfer(row, family)
    assert.equal(fragments, 0)
    assert.ok(meanBytes > 1250 && meanBytes < 1400, `${meanBytes} bytes`)
  })
}
