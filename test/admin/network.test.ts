// The window into a test network: what it answers, to whom it does not, and its page in a real browser.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { after, before, describe, test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import type { Browser, Page } from 'playwright-core'
import { type Admin, openNetworkAdmin } from '../../src/admin/admin.ts'
import { NetworkBoard, POINTS_MAX } from '../../src/admin/network-board.ts'
import { NetworkFeed, type ToNetworkAdmin } from '../../src/admin/network-feed.ts'
import { launch, noBrowser } from './browser.ts'
import { ask } from './client.ts'
import { NetworkScene, sampleAt } from './watched-network.ts'

const PATHS = ['/', '/page/network.ts', '/network', '/history', '/health', '/ready'] as const

const open: Admin[] = []
after(() => Promise.all(open.map((admin) => admin.close())))

const opened = async (scene: NetworkScene): Promise<Admin> => {
  const admin = await openNetworkAdmin(scene, { listen: '127.0.0.1:0' })
  open.push(admin)
  while ((await ask(`${admin.url}/network`)).status === 503) await setTimeout(10)
  return admin
}

describe('the window into a test network', () => {
  test('answers what the network is like, and is ready once that is formed', async () => {
    const admin = await opened(new NetworkScene(12))
    const { url } = admin
    assert.deepEqual(await brief(`${url}/ready`), [503, 'the network is being formed\n'])
    admin.joined()
    while ((await ask(`${url}/ready`)).status !== 200) await setTimeout(10)
    assert.deepEqual(await brief(`${url}/health`), [200, 'ok\n'])
    const snapshot = JSON.parse((await ask(`${url}/network`)).body) as Record<string, unknown>
    assert.deepEqual(
      [(snapshot['nodes'] as unknown[]).length, snapshot['doing'], snapshot['uploads']],
      [12, 'Under load', 2],
    )
    const past = JSON.parse((await ask(`${url}/history`)).body) as { columns: Record<string, number[]> }
    assert.deepEqual([past.columns['slots'], past.columns['identityP99Ms']], [[1234], [40]])
    assert.match((await ask(url)).body, /<title>Sallyport test network<\/title>/)
  })

  test('keeps to the rules of the window into a node', async () => {
    const { url } = await opened(new NetworkScene(12))
    for (const path of PATHS) {
      const at = url + path
      assert.equal((await ask(at, { method: 'POST' })).status, 405)
      assert.equal((await ask(at, { headers: { Host: 'evil.example' } })).status, 421)
      assert.equal((await ask(at, { headers: { 'Content-Length': '3' }, body: 'abc' })).status, 400)
      if (path !== '/health' && path !== '/ready') assert.equal((await ask(`${at}?page=1`)).status, 400)
      assert.match(
        String((await ask(at)).headers['content-security-policy']),
        /^default-src 'none'; script-src 'self';/,
      )
    }
    for (const path of ['/snapshot', '/metrics', '/network/', '/page/network.html']) {
      assert.equal((await ask(url + path)).status, 404, path)
    }
  })

  test('is not opened where others could look as they like', async () => {
    await assert.rejects(openNetworkAdmin(new NetworkScene(1), { listen: '0.0.0.0:0' }), { code: 'ARGUMENT_INVALID' })
  })

  test('is told one reading at a time, however slow its thread is', () => {
    const scene = new NetworkScene(3)
    const sent: ToNetworkAdmin[] = []
    const feed = new NetworkFeed(scene, { post: (message) => void sent.push(message), soon: () => assert.fail() })
    for (let second = 0; second < 100; second++) feed.tick()
    feed.took()
    feed.tick()
    feed.anew()
    feed.tick()
    assert.deepEqual([sent.length, scene.readings], [3, 3])
  })

  test('keeps a run of any length in so many points, from its beginning to now, and loses no peak', () => {
    const board = new NetworkBoard({ now: () => 0, wall: () => 0 })
    const { reading } = new NetworkScene(1)
    for (let look = 0; look < 20_000; look++) {
      const peak = look === 7777 ? 999 : 4
      const sample = { ...sampleAt(look), identityP99Ms: peak, rssBytes: look }
      // Each look is told more than once: a reading comes each second, a look seldom does.
      for (let n = 0; n < 2; n++) board.take({ kind: 'network', reading: { ...reading, sample } })
    }
    const { points } = board
    assert.ok(points.length > POINTS_MAX / 2 && points.length <= POINTS_MAX, String(points.length))
    assert.deepEqual([points.at(-1)?.at, points.at(-1)?.rssBytes], [19_999, 19_999])
    assert.ok((points[0]?.at ?? Infinity) < 100)
    assert.equal(points.filter(({ identityP99Ms }) => identityP99Ms === 999).length, 1)
    assert.deepEqual(
      points,
      points.toSorted((a, b) => a.at - b.at),
    )
  })
})

describe('the page of a test network', { skip: noBrowser }, () => {
  let browser: Browser | null = null
  before(async () => {
    if (noBrowser === false) browser = await launch()
  })
  after(() => browser?.close())

  const complaints: string[] = []
  const visit = async (admin: Admin): Promise<Page> => {
    assert.ok(browser !== null)
    const page = await browser.newPage()
    page.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text())
    })
    page.on('pageerror', (error) => complaints.push(error.message))
    page.on('request', (request) => {
      if (!request.url().startsWith(admin.url)) complaints.push(`asked for ${request.url()}`)
    })
    await page.goto(admin.url)
    await page.locator('#nodes-table tbody tr').first().waitFor()
    return page
  }

  const states = (page: Page): Promise<string[]> => page.locator('#nodes-table tbody td:nth-child(3)').allTextContents()

  test('shows a thousand nodes on one ring, who left, died or came back, and the upload times', async () => {
    const scene = new NetworkScene(1000)
    scene.becomes(1, { state: 'left', forMs: 5000 })
    scene.becomes(2, { state: 'died', forMs: 4000 })
    scene.becomes(3, { state: 'silent', role: 'silent', forMs: 50_000 })
    const admin = await opened(scene)
    admin.joined()
    const page = await visit(admin)
    const drawn = async (sign: string): Promise<number> => page.locator(`#ring .${sign}`).count()
    assert.deepEqual(await Promise.all(['here', 'joined', 'left', 'died', 'silent'].map(drawn)), [997, 0, 1, 1, 1])
    const told = '1000 nodes: 997 are here, 0 of them for less than 15 s; 1 left, 1 died, 1 are silent.'
    assert.equal(await page.locator('#ring-text').textContent(), told)
    assert.match((await page.locator('#doing').textContent()) ?? '', /^Under load; formed in 4.3 s; .*3 departures\.$/)
    assert.equal(await page.locator('#charts canvas').count(), 6)
    await page.getByText('Now: upload 510 ms, download –').waitFor()
    assert.match((await page.locator('#files-table tbody').textContent()) ?? '', /CHUNK_NOT_FOUND.*identical/)
    assert.equal(await page.locator('#shown').textContent(), '200 of 1000 nodes shown: sort or filter to see others')
    // Lately changed first, sorted by keyboard, filtered, and found again when it comes back.
    assert.deepEqual((await states(page)).slice(0, 3), ['died', 'left', 'silent'])
    await page.getByRole('button', { name: 'State' }).focus()
    await page.keyboard.press('Enter')
    assert.equal((await states(page))[0], 'died')
    await page.getByLabel('Only those with').fill('/127.10.0.2/')
    assert.deepEqual(await states(page), ['died'])
    scene.becomes(2, { state: 'here', forMs: 10 })
    await page.locator('#ring .joined').waitFor()
    assert.deepEqual(await states(page), ['joined'])
    assert.equal(await drawn('died'), 0)
    assert.deepEqual(complaints, [])
  })

  test('can be read and used by everybody, in light colours and in dark ones', async () => {
    const scene = new NetworkScene(30)
    scene.becomes(2, { state: 'died', forMs: 4000 })
    const page = await visit(await opened(scene))
    await page.evaluate(readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8'))
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme })
      const { violations } = (await page.evaluate('axe.run()')) as {
        violations: { id: string; nodes: { html: string }[] }[]
      }
      assert.deepEqual(
        violations.map(({ id, nodes }) => [colorScheme, id, nodes[0]?.html]),
        [],
      )
    }
  })
})

const brief = async (url: string): Promise<unknown> => {
  const { status, body } = await ask(url)
  return [status, body]
}
