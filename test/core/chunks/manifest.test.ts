// What may be in a directory, how it is written down, and how its bytes become steps: whatever a stranger's manifest says.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { decode } from 'cborg'
import fc from 'fast-check'
import { concat } from '../../../src/core/bytes.ts'
import {
  MANIFEST_BYTES_MAX,
  MANIFEST_ENTRIES_MAX,
  MANIFEST_LENGTH_BYTES,
  comparePaths,
  decodeManifest,
  encodeManifest,
  objectionTo,
} from '../../../src/core/chunks/manifest.ts'
import type { Manifest, ManifestEntry } from '../../../src/core/chunks/manifest.ts'
import { foldedPath, parentOf, pathObjection, textOf, utf8 } from '../../../src/core/chunks/portable-path.ts'
import { TreeReader } from '../../../src/core/chunks/tree-reader.ts'

const directory = (path: string, mode = 0o755): ManifestEntry => ({ path, mode, size: null })
const file = (path: string, size = 1, mode = 0o644): ManifestEntry => ({ path, mode, size })

const written = (manifest: Manifest): Uint8Array =>
  encodeManifest(manifest)?.slice(MANIFEST_LENGTH_BYTES) ?? assert.fail()

/** How a manifest of these entries is read, whatever the order they are given in. */
const verdict = (...entries: readonly ManifestEntry[]): string => {
  const read = decodeManifest(written({ mode: 0o755, entries }))
  return 'refused' in read ? read.refused : 'taken'
}

const name = fc.oneof(
  fc.constantFrom('a', 'B', 'c-d', '.hidden', 'ä', '日本', 'x.tar.gz', '😀', 'com10', 'console'),
  fc.string({ minLength: 1, maxLength: 8, unit: 'grapheme' }).filter((text) => pathObjection(text) === null),
)
/** A manifest that is in order: any names, each where its directory is. */
const manifest = fc
  .record({
    mode: fc.integer({ min: 0, max: 0o777 }),
    paths: fc.array(fc.array(name, { minLength: 1, maxLength: 4 }), { maxLength: 12 }),
    sizes: fc.array(fc.option(fc.nat({ max: 50 })), { minLength: 12, maxLength: 12 }),
  })
  .map(({ mode, paths, sizes }): Manifest => {
    const byFold = new Map<string, ManifestEntry>()
    for (const [i, names] of paths.entries()) {
      for (let depth = 1; depth <= names.length; depth++) {
        const path = names.slice(0, depth).join('/')
        const parent = parentOf(path)
        const above = parent === null ? null : byFold.get(foldedPath(parent))
        if (
          byFold.has(foldedPath(path)) ||
          above === undefined ||
          (above && (above.size !== null || above.path !== parent))
        )
          continue
        byFold.set(foldedPath(path), { path, mode: 0o600 + i, size: depth < names.length ? null : (sizes[i] ?? null) })
      }
    }
    return { mode, entries: [...byFold.values()].toSorted((a, b) => comparePaths(a.path, b.path)) }
  })

describe('a path', () => {
  test('that leads elsewhere or is not taken by every system is refused', () => {
    const escaping = [
      '..',
      '../a',
      'a/../../b',
      'a/..',
      '/etc',
      '/',
      '',
      './a',
      'a/.',
      'a//b',
      'a/',
      '..\\a',
      'C:\\a',
      'C:a',
    ]
    const odd = [
      'a\0',
      'a\n',
      'a\u001B[2J',
      'a:b',
      'a*',
      'a?',
      'a"',
      '<',
      '>',
      '|',
      'a.',
      'a ',
      'a./b',
      '\u007F',
      'a\u009B2J',
      'a\uFFFD',
    ]
    const devices = ['con', 'CON', 'nul.txt', 'a/PRN', 'Aux.tar.gz', 'com1', 'LPT9.x', 'COM¹', 'conin$', 'CONOUT$.a']
    for (const path of [...escaping, ...odd, ...devices, 'a'.repeat(256), 'ä'.repeat(128), 'a/'.repeat(3000) + 'a'])
      assert.notEqual(pathObjection(path), null, JSON.stringify(path))
    assert.notEqual(pathObjection('\uD800'), null)
  })

  test('that is only unusual is taken', () => {
    const fine = [
      'a',
      '.git/config',
      'a b',
      '...a',
      '..a',
      'ä/ö',
      'com',
      'com10',
      'lpt',
      'connect',
      'nullable',
      '日本語.txt',
      'ä'.repeat(127),
    ]
    for (const path of fine) assert.equal(pathObjection(path), null, path)
  })

  test('is UTF-8 and nothing else', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => assert.equal(textOf(utf8(text) ?? assert.fail()), text)),
    )
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 12 }), (bytes) => {
        const text = textOf(bytes)
        if (text !== null) assert.deepEqual(utf8(text), bytes)
      }),
    )
    for (const bytes of [[0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xe2, 0x82]])
      assert.equal(textOf(Uint8Array.from(bytes)), null)
  })

  test('has the order of its bytes', () => {
    const text = fc.string({ maxLength: 6, unit: 'grapheme' })
    fc.assert(
      fc.property(text, text, (a, b) => {
        const order = Math.sign(Buffer.compare(Buffer.from(a), Buffer.from(b)))
        assert.equal(Math.sign(comparePaths(a, b)), order)
      }),
    )
  })
})

describe('a manifest', () => {
  test('that is refused is told without anything that a terminal obeys', () => {
    for (const name of ['\u001B[2J', '\u007F', '\u009B2J', '\u202Egpj'])
      assert.doesNotMatch(objectionTo([file(`${name}.`)]) ?? '\n', /[\p{Cc}\p{Cf}]/u, JSON.stringify(name))
  })

  test('that was written is read as the same, and is CBOR', () => {
    fc.assert(
      fc.property(manifest, (manifest) => {
        assert.equal(objectionTo(manifest.entries), null)
        assert.deepEqual(decodeManifest(written(manifest)), manifest)
        const read = decode(written(manifest), { useMaps: true }) as Map<number, unknown>
        assert.deepEqual([read.get(1), read.get(2)], [1, manifest.mode])
      }),
    )
  })

  test('with a path that leads out, twice, out of order, under a file or without its directory is unsafe', () => {
    assert.equal(verdict(directory('a'), file('a/b'), file('c')), 'taken')
    assert.equal(verdict(file('../a')), 'unsafe')
    assert.equal(verdict(file('/etc/passwd')), 'unsafe')
    assert.equal(verdict(file('a'), file('a')), 'unsafe')
    assert.equal(verdict(directory('a'), directory('a')), 'unsafe')
    assert.equal(verdict(file('b'), file('a')), 'unsafe')
    assert.equal(verdict(file('a/b')), 'unsafe')
    assert.equal(verdict(file('a'), file('a/b')), 'unsafe')
    assert.equal(verdict(file('nul')), 'unsafe')
  })

  test('with two paths that some system takes for one is unsafe', () => {
    assert.equal(verdict(file('A'), file('a')), 'unsafe')
    assert.equal(verdict(directory('A'), file('A/x'), directory('a'), file('a/y')), 'unsafe')
    assert.equal(verdict(file('a\u0308'), file('ä')), 'unsafe')
    assert.equal(verdict(file('ss'), file('ß')), 'unsafe')
    assert.equal(verdict(directory('A'), file('a/b')), 'unsafe')
  })

  test('that is none is malformed, and never throws', () => {
    for (const bytes of [new Uint8Array(0), Uint8Array.of(0xa3), new Uint8Array(100)])
      assert.ok('refused' in decodeManifest(bytes))
    const modes = written({ mode: 0o1777, entries: [] })
    assert.deepEqual('refused' in decodeManifest(modes), true)
    assert.ok('refused' in decodeManifest(written({ mode: 0, entries: [file('a', 1, 0o4755)] })))
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => void decodeManifest(bytes)))
    fc.assert(
      fc.property(manifest, fc.nat(), fc.integer({ min: 1, max: 255 }), (manifest, place, change) => {
        const bytes = written(manifest)
        bytes[place % bytes.length]! ^= change
        const read = decodeManifest(bytes)
        if (!('refused' in read)) assert.deepEqual(written(read), bytes)
        assert.ok('refused' in decodeManifest(bytes.subarray(0, -1)))
      }),
    )
  })

  test('of too many entries is not made', () => {
    const entries = Array.from({ length: MANIFEST_ENTRIES_MAX + 1 }, (_, i) => file(String(i)))
    assert.equal(encodeManifest({ mode: 0, entries }), null)
  })
})

/** Reads bytes in parts and makes of the steps what a directory would be. */
const restored = (
  bytes: Uint8Array,
  partBytes: number,
): { made: Map<string, Uint8Array | null>; reader: TreeReader; refused: string | null } => {
  const reader = new TreeReader()
  const made = new Map<string, Uint8Array | null>()
  let open: ManifestEntry | null = null
  for (let at = 0; at < bytes.length; at += partBytes) {
    const steps = reader.receive(bytes.subarray(at, at + partBytes))
    if ('refused' in steps) return { made, reader, refused: steps.refused }
    for (const step of steps) {
      if (step.kind === 'directory') made.set(step.entry.path, null)
      if (step.kind === 'file') {
        assert.equal(open, null)
        open = step.entry
        made.set(open.path, new Uint8Array(0))
      }
      if (step.kind === 'bytes') {
        assert.ok(open !== null)
        made.set(open.path, concat(made.get(open.path) ?? assert.fail(), step.bytes))
      }
      if (step.kind === 'end') open = null
    }
  }
  return { made, reader, refused: null }
}

describe('a directory as bytes', () => {
  test('becomes what the manifest lists, in whatever parts it comes', () => {
    fc.assert(
      fc.property(manifest, fc.integer({ min: 1, max: 100 }), (manifest, partBytes) => {
        const sizes = manifest.entries.map(({ size }) => size)
        const contents = sizes.map((size, i) => new Uint8Array(size ?? 0).fill(i + 1))
        const bytes = concat(encodeManifest(manifest) ?? assert.fail(), ...contents)
        const { made, reader, refused } = restored(bytes, partBytes)
        assert.deepEqual([refused, reader.done], [null, true])
        assert.deepEqual(
          [...made],
          manifest.entries.map(({ path, size }, i) => [path, size === null ? null : contents[i]]),
        )
        assert.equal(restored(bytes.subarray(0, -1), partBytes).reader.done, false)
        assert.equal(restored(concat(bytes, new Uint8Array(1)), partBytes).refused, 'malformed')
      }),
    )
  })

  test('says nothing before all of an unsafe manifest was read', () => {
    const manifest = { mode: 0o755, entries: [file('a', 3), file('../b', 3)] }
    const bytes = concat(encodeManifest(manifest) ?? assert.fail(), new Uint8Array(6))
    const { made, refused } = restored(bytes, 5)
    assert.deepEqual([made.size, refused], [0, 'unsafe'])
  })

  test('with a manifest that would not fit in memory is refused by its length', () => {
    const length = MANIFEST_BYTES_MAX + 1
    const bytes = Uint8Array.of(length >>> 24, (length >> 16) & 255, (length >> 8) & 255, length & 255)
    assert.equal(restored(bytes, 4).refused, 'malformed')
  })
})

test('a manifest that comes byte by byte costs no more than contents that do', () => {
  const many = Array.from({ length: 4000 }, (_, n) => file(`${String(n).padStart(8, '0')} ${'n'.repeat(40)}`, 0))
  const head = encodeManifest({ mode: 0o755, entries: many }) ?? assert.fail()
  const short = encodeManifest({ mode: 0o755, entries: [file('a', head.length)] }) ?? assert.fail()
  const msOf = (reader: TreeReader): number => {
    const begun = performance.now()
    for (let at = 0; at < head.length; at++) reader.receive(head.subarray(at, at + 1))
    assert.ok(reader.done)
    return performance.now() - begun
  }
  const contents = new TreeReader()
  contents.receive(short)
  const inContents = msOf(contents)
  assert.ok(msOf(new TreeReader()) < 50 * inContents)
})
