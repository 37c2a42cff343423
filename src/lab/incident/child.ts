// One accept path's replay in a process of its own: prints a line a period, and keeps its record in a file after each.
//   node src/lab/incident/child.ts PATH SETTINGS-AS-JSON FILE WITHIN-SECONDS
import { Incident } from './incident.ts'
import { readReplay, writeReplay } from './record.ts'
import { isPath, type IncidentSettings } from './settings.ts'
import { periodText } from './text.ts'

const [path = '', text = '', file = '', within = ''] = process.argv.slice(2)
if (!isPath(path)) throw new Error(`${path} is no accept path`)
const settings = JSON.parse(text) as IncidentSettings
const withinMs = Number(within) * 1000
const before = readReplay(file, path, settings)
if (before?.isWhole !== true) {
  const began = performance.now()
  const hashes: string[] = []
  const incident = new Incident(path, settings)
  await incident.run((period) => {
    const number = incident.periods.length
    hashes.push(incident.hash)
    const known = before?.hashes[number - 1]
    if (known !== undefined && known !== incident.hash)
      throw new Error(`${path}: period ${number} is another than before`)
    const ms = performance.now() - began
    writeReplay(file, {
      path,
      settings,
      periods: incident.periods,
      hashes,
      seconds: ms / 1000,
      isWhole: period.ms >= settings.ms,
    })
    console.log(periodText(path, number, period))
    // The next period takes as long as one took so far, or longer.
    return ms + ms / number < withinMs
  })
}
process.exit()
