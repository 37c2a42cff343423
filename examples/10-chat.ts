// A chat: whoever is connected hears what is said. Alone this runs three nodes, which talk and end; people use a terminal each:
//   npm exec -- node examples/10-chat.ts alice
//   npm exec -- node examples/10-chat.ts bob /ip4/127.0.0.1/udp/…, the address that alice was told
import { createInterface } from 'node:readline'
import { createNode, type Node } from 'sallyport'

const CHAT = '/chat/1'
type Hear = (who: string, said: string) => void

/** A node in the chat. Capability `node`: it stands in the phonebooks of the others, so that all find all. */
const enter = async (bootstrap: readonly string[], hear: Hear): Promise<Node> => {
  const node = await createNode({ listen: ['/ip4/127.0.0.1/udp/0/quic-v1'], bootstrap, capability: 'node' })
  node.transport.handle(CHAT, ({ peer, payload }) => {
    // What comes from others is shown without control characters. The PeerId is proved, the name in the line only claimed.
    hear(peer.slice(0, 8), new TextDecoder().decode(payload).replaceAll(/\p{C}/gu, ''))
  })
  if (bootstrap.length > 0) await node.join()
  return node
}

/** Says a line to all who are here, and resolves when all who are still here have it. */
const say = async ({ transport }: Node, line: string): Promise<void> => {
  const payload = new TextEncoder().encode(line)
  const all = transport.peers().map(({ peerId }) => transport.send(peerId, CHAT, payload, { timeoutMs: 5_000 }))
  for (const each of await Promise.allSettled(all)) if (each.status === 'rejected') console.error(String(each.reason))
}

const atATerminal = async (name: string, bootstrap: readonly string[]): Promise<void> => {
  await using node = await enter(bootstrap, (who, said) => console.log(`${who} ${said}`))
  console.log(`You are ${node.peerId.slice(0, 8)} at ${node.addresses.join(' ')}`)
  const comings = async (): Promise<void> => {
    for await (const event of node.transport.events()) {
      if (event.kind === 'connected' || event.kind === 'disconnected')
        console.log(`${event.peerId.slice(0, 8)} ${event.kind}`)
    }
  }
  void comings()
  for await (const line of createInterface(process.stdin)) await say(node, `${name}: ${line}`)
}

const alone = async (): Promise<void> => {
  const heard: string[] = []
  const hear = (name: string) => (who: string, said: string) => void heard.push(`${name} hears ${who} ${said}`)
  await using alice = await enter([], hear('alice'))
  await using bob = await enter(alice.addresses, hear('bob'))
  await using carol = await enter(alice.addresses, hear('carol'))
  await say(alice, 'alice: who is here?')
  await say(carol, 'carol: I am, and nobody told me where bob was')
  await say(bob, 'bob: the phonebook did')
  while (heard.length < 6) await new Promise((resolve) => setTimeout(resolve, 10))
  console.log(heard.join('\n'))
}

const [name, ...bootstrap] = process.argv.slice(2)
await (name === undefined ? alone() : atATerminal(name, bootstrap))
