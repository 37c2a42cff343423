// Who uploads: clients without pause, and one that comes cold each time. Each chunk goes to so many hosts, and where one fails the next is tried.
import type { SeededRandom } from '../../world/random.ts'
import type { World } from '../../world/world.ts'
import type { Resident } from './resident.ts'
import type { IncidentSettings } from './settings.ts'

/** What uploads work with. */
export interface UploadParts {
  readonly world: World
  readonly settings: IncidentSettings
  readonly residents: readonly Resident[]
}

/** Uploads for ever; each upload's seconds are told. */
export const uploadWarm = async (
  parts: UploadParts,
  client: Resident,
  told: (seconds: number) => void,
): Promise<void> => {
  const { world } = parts
  const random = await joining(parts, client)
  await client.start()
  for (;;) {
    told(await upload(parts, client, random))
    await world.sleep(100)
  }
}

/** The same by a new process each time, which knows nobody. */
export const uploadCold = async (
  parts: UploadParts,
  client: Resident,
  told: (seconds: number) => void,
): Promise<void> => {
  const { world } = parts
  const random = await joining(parts, client)
  for (;;) {
    await client.start()
    told(await upload(parts, client, random))
    await client.end(true)
    await world.sleep(1000)
  }
}

/** Waits until the network has formed; what the client draws from. */
const joining = async ({ world, settings }: UploadParts, client: Resident): Promise<SeededRandom> => {
  const random = world.random(`uploads ${client.host.name}`)
  await world.sleep(settings.joinMs)
  return random
}

const upload = async (parts: UploadParts, client: Resident, random: SeededRandom): Promise<number> => {
  const { world, settings, residents } = parts
  const { chunks, chunkBytes, chunkMs, atOnce } = settings
  const began = world.now
  let next = 0
  const worker = async (): Promise<void> => {
    while (next < chunks) {
      next++
      await world.sleep(random.between(0.8, 1.2) * chunkMs)
      await place(parts, client, { chunk: random.bytes(chunkBytes), from: random.below(residents.length) })
    }
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
  return (world.now - began) / 1000
}

const place = async (
  { settings, residents }: UploadParts,
  client: Resident,
  { chunk, from }: { readonly chunk: Uint8Array; readonly from: number },
): Promise<void> => {
  let held = 0
  for (let step = 0; step < residents.length && held < settings.holders; step++) {
    const other = residents[(from + step) % residents.length]
    if (other !== undefined && other.isBelieved && (await client.put(other, chunk.slice()))) held++
  }
}
