// As much of DER (X.690) as it takes to find the extensions of an X.509 certificate (RFC 5280 section 4.1), which node:crypto does not list.
// The certificate was parsed by OpenSSL before, so that this reads well-formed bytes; whatever it cannot follow is null.

/** One extension: its object identifier in hexadecimal (contents alone), whether it is critical, and what it holds. */
export interface CertificateExtension {
  readonly oid: string
  readonly critical: boolean
  readonly value: Uint8Array
}

interface Element {
  readonly tag: number
  readonly content: Uint8Array
}

const SEQUENCE = 0x30
const OBJECT_IDENTIFIER = 0x06
const BOOLEAN = 0x01
const OCTET_STRING = 0x04
const BIT_STRING = 0x03
const INTEGER = 0x02
/** [3] of a TBSCertificate. */
const EXTENSIONS = 0xa3

/** Elements in one sequence; certificates have a dozen extensions. */
const ELEMENTS_MAX = 64

/** The extensions of a certificate, perhaps none; null when it cannot be read. */
export const extensionsOf = (certificate: Uint8Array): readonly CertificateExtension[] | null => {
  const tbs = elementsOf(only(certificate, SEQUENCE))?.[0]
  const fields = tbs?.tag === SEQUENCE ? elementsOf(tbs.content) : null
  if (fields === null) return null
  const block = fields.find(({ tag }) => tag === EXTENSIONS)
  if (block === undefined) return []
  const list = elementsOf(only(block.content, SEQUENCE))
  if (list === null) return null
  const extensions = list.map(extensionOf)
  return extensions.every((extension) => extension !== null) ? extensions : null
}

/** The path length of the value of a basicConstraints extension: null when there is none, -1 when it cannot be read. */
export const pathLengthOf = (value: Uint8Array): number | null => {
  const fields = elementsOf(only(value, SEQUENCE))
  if (fields === null) return -1
  const length = fields.find(({ tag }) => tag === INTEGER)
  if (length === undefined) return null
  return length.content.length === 1 && (length.content[0] ?? 0x80) < 0x80 ? (length.content[0] ?? -1) : -1
}

/** The first eight bits of the value of a keyUsage extension, digitalSignature first; 0 when it cannot be read. */
export const keyUsageOf = (value: Uint8Array): number => only(value, BIT_STRING)?.[1] ?? 0

const extensionOf = ({ tag, content }: Element): CertificateExtension | null => {
  const fields = tag === SEQUENCE ? elementsOf(content) : null
  const [oid, second, third] = fields ?? []
  const held = second?.tag === BOOLEAN ? third : second
  if (oid?.tag !== OBJECT_IDENTIFIER || held?.tag !== OCTET_STRING) return null
  return {
    oid: Buffer.from(oid.content).toString('hex'),
    critical: second?.tag === BOOLEAN && second.content[0] !== 0,
    value: held.content,
  }
}

/** The content of the one element that `bytes` are, when it has this tag. */
const only = (bytes: Uint8Array, tag: number): Uint8Array | null => {
  const elements = elementsOf(bytes)
  const [element, ...more] = elements ?? []
  return element?.tag === tag && more.length === 0 ? element.content : null
}

const elementsOf = (bytes: Uint8Array | null): readonly Element[] | null => {
  if (bytes === null) return null
  const elements: Element[] = []
  for (let at = 0; at < bytes.length;) {
    const header = headerAt(bytes, at)
    if (header === null || elements.length === ELEMENTS_MAX) return null
    elements.push({ tag: bytes[at] ?? 0, content: bytes.subarray(header.start, header.end) })
    at = header.end
  }
  return elements
}

/** Where the content of the element at `at` starts and ends, for lengths of up to three bytes. */
const headerAt = (bytes: Uint8Array, at: number): { readonly start: number; readonly end: number } | null => {
  const first = bytes[at + 1]
  if (first === undefined) return null
  const size = first < 0x80 ? 0 : first - 0x80
  if (size > 3 || (first >= 0x80 && size === 0)) return null
  const start = at + 2 + size
  if (start > bytes.length) return null
  let length = size === 0 ? first : 0
  for (let i = 0; i < size; i++) length = length * 256 + (bytes[at + 2 + i] ?? 0)
  return start + length > bytes.length ? null : { start, end: start + length }
}
