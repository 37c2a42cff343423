// A file goes into a small network and comes out again, by two clients that never meet.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createNode } from 'sallyport'

const directory = await mkdtemp(join(tmpdir(), 'sallyport-example-'))
const listen = ['/ip4/127.0.0.1/udp/0/quic-v1']
await using first = await createNode({ listen, dataDirectory: join(directory, 'first') })
const bootstrap = first.addresses

await using others = new AsyncDisposableStack()
for (let n = 0; n < 7; n++) {
  const node = others.use(await createNode({ listen, bootstrap, dataDirectory: join(directory, `other-${n}`) }))
  await node.join()
}

await writeFile(join(directory, 'letter'), 'a letter to whoever has the link')
await using writer = await createNode({ listen, bootstrap })
await writer.join()
const { link, holders } = await writer.put(join(directory, 'letter'))
console.log(`${link} is held by ${holders} nodes`)

await using reader = await createNode({ listen, bootstrap })
await reader.join()
await reader.get(link, join(directory, 'copy'))
console.log(await readFile(join(directory, 'copy'), 'utf8'))
await rm(directory, { recursive: true })
