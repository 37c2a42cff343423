// Takes the picture of the page that the README shows: a node in a network of twelve, with some who were refused or went.
import { createNode, type Node } from '../../src/index.ts'
import { openAdmin } from '../../src/admin/admin.ts'
import { launch, noBrowser } from './browser.ts'

const NODES = 12
const WATCH_MS = 25_000

if (noBrowser !== false) throw new Error(noBrowser)
const listen = (n: number): string[] => [`/ip4/127.0.${n}.1/udp/0/quic-v1`]
const gate = { loopback: 'as-outside' } as const
await using first = await createNode({ listen: listen(1), gate, capability: 'node' })
await using admin = await openAdmin(first, { listen: '127.0.0.1:0' })
admin.joined()
await using browser = await launch()
const page = await browser.newPage({ viewport: { width: 1280, height: 800 }, colorScheme: 'light' })
await page.goto(admin.url)
const others: Node[] = []
const end = performance.now() + WATCH_MS
for (let n = 2; performance.now() < end; n++) {
  const node = await createNode({ listen: listen(n), bootstrap: first.addresses, gate, capability: 'node' })
  await node.join()
  others.push(node)
  if (others.length >= NODES) await others.shift()?.close()
}
await page.waitForTimeout(1500)
await page.screenshot({
  fullPage: true,
  clip: { x: 0, y: 0, width: 1280, height: 1620 },
  path: new URL('../../docs/dashboard.png', import.meta.url).pathname,
})
await Promise.all(others.map((node) => node.close()))
