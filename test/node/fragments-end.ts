// One end of fragments.test.ts, in a network namespace of its own: listens and takes in, or sends so many bytes to an address.
import { readFileSync } from 'node:fs'
import { createNode } from '../../src/index.ts'

/** Fragments that this namespace made, by family. */
const fragments = (): number => {
  const [names, values] = readFileSync('/proc/net/snmp', 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('Ip:'))
    .map((line) => line.split(' '))
  const six = /^Ip6FragCreates\s+(\d+)/m.exec(readFileSync('/proc/net/snmp6', 'utf8'))
  return Number(values?.[names?.indexOf('FragCreates') ?? -1]) + Number(six?.[1])
}

const [role = '', address = '', megabytes = '0'] = process.argv.slice(2)
const node = await createNode({
  listen: [
    role === 'listen'
      ? address
      : address.replace(
          /^(\/ip\d)\/.*/,
          (_, family: string) => `${family}/${family === '/ip4' ? '0.0.0.0' : '::'}/udp/0/quic-v1`,
        ),
  ],
})
node.transport.handle('/test/take/1', () => ({ status: 0, payload: new Uint8Array(0) }))
const report = (more: object): boolean =>
  process.stdout.write(`${JSON.stringify({ ...more, fragments: fragments() })}\n`)
if (role === 'listen') {
  report({ address: node.addresses[0] })
  process.stdin.on('end', () => {
    report({})
    void node.close().then(() => process.exit())
  })
  process.stdin.resume()
} else {
  const { peerId } = await node.transport.connectPeer(address)
  for (let i = 0; i < Number(megabytes); i++) await node.transport.request(peerId, '/test/take/1', new Uint8Array(1e6))
  const { udpBytesSent, udpDatagramsSent } = node.transport.counters()
  report({ meanBytes: udpBytesSent / udpDatagramsSent })
  await node.close()
}
