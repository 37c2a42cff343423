// The page as people use it, in a real browser: seen, clicked, read out and worked with the keyboard alone; and that it shows the incident's
// stall while the node that cannot stall shows nothing.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { after, before, describe, test } from 'node:test'
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { type Admin, openAdmin } from '../../src/admin/admin.ts'
import { parseAddress } from '../../src/core/address.ts'
import { controlOf } from '../../src/lab/controls.ts'
import { generateIdentity, systemPorts } from '../../src/index.ts'
import { TransportHandle } from '../../src/node/transport-handle.ts'
import type { TransportOptions } from '../../src/node/transport-parts.ts'
import { mutePeer } from '../support/mute-peer.ts'
import { launch, noBrowser } from './browser.ts'
import { Scene } from './watched.ts'

const TOKEN = 'a-token-of-some-length'
const skip = { skip: noBrowser }

let browser: Browser | null = null
const open: AsyncDisposable[] = []
before(async () => {
  if (noBrowser === false) browser = await launch()
})
after(async () => {
  await browser?.close()
  for (const each of open.toReversed()) await each[Symbol.asyncDispose]()
})

const opened = async (scene: Parameters<typeof openAdmin>[0], token?: string): Promise<Admin> => {
  const admin = await openAdmin(scene, { listen: '127.0.0.1:0', ...(token === undefined ? {} : { token }) })
  open.push(admin)
  admin.joined()
  return admin
}

interface Seen {
  readonly page: Page
  /** What the browser complained about, and what it asked anybody else for. */
  readonly complaints: string[]
}

const visit = async (admin: Admin, options: BrowserContextOptions = {}): Promise<Seen> => {
  assert.ok(browser !== null)
  const context = await browser.newContext(options)
  const page = await context.newPage()
  const complaints: string[] = []
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text())
  })
  page.on('pageerror', (error) => complaints.push(error.message))
  page.on('request', (request) => {
    if (!request.url().startsWith(admin.url)) complaints.push(`asked for ${request.url()}`)
  })
  await page.goto(admin.url)
  await page.locator('#connections-table tbody tr').first().waitFor()
  return { page, complaints }
}

const addresses = (page: Page): Promise<string[]> =>
  page.locator('#connections-table tbody tr td:nth-child(4)').allTextContents()

const at = (n: number): string => `/ip4/192.0.2.1/udp/${n}/quic-v1`

describe('the page', () => {
  test(
    'shows who is here and who went lately and why, asks nobody else for anything, and breaks none of its own rules',
    skip,
    async () => {
      const scene = new Scene()
      const { page, complaints } = await visit(await opened(scene))
      assert.match(
        (await page.locator('#who').textContent()) ?? '',
        new RegExp(`${scene.peerId.slice(0, 16)}… · ready`),
      )
      assert.deepEqual((await addresses(page)).toSorted(), [at(1), at(2), at(3)])
      const [ending] = await page.locator('#endings-table tbody tr').allTextContents()
      assert.match(ending ?? '', /closed.*idle.*nothing was heard any more/)
      await page.locator('#charts canvas').first().waitFor()
      assert.equal(await page.locator('#charts canvas').count(), 7)
      assert.equal(await page.locator('#ring circle.inbound').count(), 3)
      assert.equal(await page.locator('#shards span').count(), 2)
      assert.equal(await page.locator('#findings-list').textContent(), 'Nothing.')
      assert.deepEqual(complaints, [])
    },
  )

  test('sorts by any column, by mouse and by keyboard, and says how', skip, async () => {
    const { page } = await visit(await opened(new Scene()))
    await page.locator('#pause').click()
    const head = page.locator('#connections-table th').nth(4)
    assert.deepEqual(
      [await head.getAttribute('aria-sort'), await addresses(page)],
      ['descending', [at(3), at(2), at(1)]],
    )
    await head.getByRole('button').click()
    assert.deepEqual(
      [await head.getAttribute('aria-sort'), await addresses(page)],
      ['ascending', [at(1), at(2), at(3)]],
    )
    await head.getByRole('button').focus()
    await page.keyboard.press('Enter')
    assert.deepEqual(
      [await head.getAttribute('aria-sort'), await addresses(page)],
      ['descending', [at(3), at(2), at(1)]],
    )
    await page.getByLabel('Only those with').fill('udp/2/')
    assert.deepEqual(await addresses(page), [at(2)])
  })

  test('turns pages, and stands still when told to', skip, async () => {
    const scene = new Scene()
    scene.crowd = 201
    const { page } = await visit(await opened(scene))
    await page.getByText('Page 1 of 2, 201 in all').waitFor()
    assert.ok(await page.locator('#previous').isDisabled())
    await page.locator('#next').focus()
    await page.keyboard.press('Enter')
    await page.getByText('Page 2 of 2').waitFor()
    assert.deepEqual(await addresses(page), [at(201)])
    await page.locator('#pause').click()
    assert.equal(await page.locator('#pause').getAttribute('aria-pressed'), 'true')
  })

  for (const colorScheme of ['light', 'dark'] as const) {
    test(`can be read and used by everybody, in ${colorScheme} colours`, skip, async () => {
      const scene = new Scene()
      const { page } = await visit(await opened(scene), { colorScheme })
      scene.counters.taskFailures++
      await page.getByText('Warning: 1 handlers or tasks that failed').waitFor()
      const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
      await page.evaluate(axe)
      const { violations } = (await page.evaluate('axe.run()')) as {
        violations: { id: string; nodes: { html: string }[] }[]
      }
      assert.deepEqual(
        violations.map(({ id, nodes }) => [id, nodes[0]?.html]),
        [],
      )
      const [paper = ''] = (await page.evaluate('[getComputedStyle(document.body).backgroundColor]')) as string[]
      const brightness = Number(/\d+/.exec(paper)?.[0])
      assert.ok(colorScheme === 'light' ? brightness > 200 : brightness < 60, paper)
    })
  }

  test('asks for the token as browsers do', skip, async () => {
    const admin = await opened(new Scene(), TOKEN)
    assert.ok(browser !== null)
    const context = await browser.newContext()
    await assert.rejects((await context.newPage()).goto(admin.url), /ERR_INVALID_AUTH_CREDENTIALS/)
    const { complaints } = await visit(admin, { httpCredentials: { username: 'anybody', password: TOKEN } })
    assert.deepEqual(complaints, [])
  })
})

describe('the stall of the incident', () => {
  const LOCAL = { family: 4, ip: '127.0.0.1', port: 0 } as const

  /** A node that accepts in its own way or in a historical one, with three who finish TLS and say nothing, and eight honest ones after them. */
  const crowded = async (more: Partial<TransportOptions>): Promise<Seen> => {
    const ports = await systemPorts()
    open.push(ports)
    const make = async (options: Partial<TransportOptions> = {}): Promise<TransportHandle> => {
      const identity = await generateIdentity()
      const transport = await TransportHandle.open({ ports, identity, capability: 'node', listen: [LOCAL], ...options })
      open.push(transport)
      return transport
    }
    const transport = await make(more)
    const [local] = transport.locals
    assert.ok(local !== undefined)
    const admin = await opened({ peerId: transport.peerId, addresses: [], transport })
    const bootstrap = parseAddress(`/ip4/127.0.0.1/udp/${local.port}/quic-v1`)
    assert.ok(bootstrap !== null)
    for (let n = 0; n < 3; n++) {
      const mute = await mutePeer(ports, { local: LOCAL, remote: bootstrap.address })
      open.push({ [Symbol.asyncDispose]: () => mute.close({ code: 0, reason: '' }, 100) })
    }
    const seen = await visit(admin)
    for (let n = 0; n < 8; n++) {
      const honest = await make()
      void honest.connectPeer(bootstrap).catch(() => {})
    }
    return seen
  }

  test('is on the page within a minute where the accept path is one of those that stalled', skip, async () => {
    const { page, complaints } = await crowded(controlOf('inline').options)
    await page
      .getByText(/^Stall: \d+ inbound connections finished their handshake and are not registered/)
      .waitFor({ timeout: 60_000 })
    assert.deepEqual(complaints, [])
  })

  test('is not where the accept path is our own, with the same crowd', skip, async () => {
    const { page } = await crowded({})
    await page.locator('#connections-table tbody tr td:nth-child(2)', { hasText: 'identified' }).nth(7).waitFor()
    // Past the deadline of those who say nothing, which is a warning and no stall.
    await page.getByText('connections closed because nobody introduced himself in time').waitFor()
    assert.doesNotMatch((await page.locator('#findings-list').textContent()) ?? '', /Stall/)
  })
})
