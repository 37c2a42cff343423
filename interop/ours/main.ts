// Our QUIC client and server, by the public entry that everybody uses, behind the command line that all peers here share.
import { runClient } from './client.ts'
import { orders, say } from './orders.ts'
import { runServer } from './server.ts'

const given = orders(process.argv.slice(2))
try {
  if (given.role === 'server') {
    await runServer(given)
  } else {
    await runClient(given)
    say({ ok: true })
  }
} catch (error) {
  console.error(String(error))
  process.exit(1)
}
process.exit(0)
