// Handshake messages after the hellos (RFC 8446 sections 4.3 and 4.4), and the framing all share. Decoders take a body and give
// its value or a refusal; encoders give the whole message, header included.
import { ascii, concat, Reader, type Writer } from '../bytes.ts'
import { ALERT, malformed, type Refusal, refuse, refused } from './alerts.ts'
import { type ExtensionList, type Extensions, readExtensions, writeExtensions } from './extensions.ts'
import { decodeWhole, encode, vectorBytes, vectorReader } from './vectors.ts'

/** Handshake message types by name. */
export const MESSAGE = {
  clientHello: 1,
  serverHello: 2,
  newSessionTicket: 4,
  encryptedExtensions: 8,
  certificate: 11,
  certificateRequest: 13,
  certificateVerify: 15,
  finished: 20,
} as const

/** A message: its type, the length of its body in 3 bytes, its body. */
export const encodeMessage = (type: number, body: (writer: Writer) => void): Uint8Array =>
  encode((writer) => {
    writer.u8(type)
    writer.vector(3, () => body(writer))
  })

/** An EncryptedExtensions message. */
export const encodeEncryptedExtensions = (extensions: ExtensionList): Uint8Array =>
  encodeMessage(MESSAGE.encryptedExtensions, (writer) => writeExtensions(writer, extensions))

/** The extensions of an EncryptedExtensions message. */
export const decodeEncryptedExtensions = (body: Uint8Array): Extensions | Refusal =>
  wholeExtensions(new Reader(body), 'EncryptedExtensions')

/** A request for a certificate; its context is empty, as it must be within a handshake. */
export const encodeCertificateRequest = (extensions: ExtensionList): Uint8Array =>
  encodeMessage(MESSAGE.certificateRequest, (writer) => {
    writer.vector(1, () => undefined)
    writeExtensions(writer, extensions)
  })

/** The extensions of a CertificateRequest; one with a context is illegal_parameter. */
export const decodeCertificateRequest = (body: Uint8Array): Extensions | Refusal => {
  const reader = new Reader(body)
  const context = vectorBytes(reader, 1)
  if (reader.failed) return malformed('CertificateRequest')
  if (context.length > 0) return refuse(ALERT.illegalParameter, 'CertificateRequest with a context')
  return wholeExtensions(reader, 'CertificateRequest')
}

/** A Certificate of these entries, a SubjectPublicKeyInfo or a chain of certificates, without extensions; none says that there is none. */
export const encodeCertificate = (entries: readonly Uint8Array[]): Uint8Array =>
  encodeMessage(MESSAGE.certificate, (writer) => {
    writer.vector(1, () => undefined)
    writer.vector(3, () => {
      for (const entry of entries) {
        writer.vector(3, () => writer.put(entry))
        writer.vector(2, () => undefined)
      }
    })
  })

/** The entries of a Certificate, perhaps none; views of the message. */
export const decodeCertificate = (body: Uint8Array): readonly Uint8Array[] | Refusal => {
  const reader = new Reader(body)
  const context = vectorBytes(reader, 1)
  const list = vectorReader(reader, 3)
  if (list.failed || reader.remaining > 0) return malformed('Certificate')
  if (context.length > 0) return refuse(ALERT.illegalParameter, 'Certificate with a context')
  const entries: Uint8Array[] = []
  while (list.remaining > 0) {
    const entry = vectorBytes(list, 3)
    const extensions = readExtensions(list)
    if (list.failed || entry.length === 0) return malformed('Certificate')
    if (refused(extensions)) return extensions
    const objection = certificateExtensions(extensions)
    if (objection !== null) return objection
    entries.push(entry)
  }
  return entries
}

/** A signature over the handshake by scheme. */
export interface CertificateVerify {
  readonly scheme: number
  readonly signature: Uint8Array
}

/** A CertificateVerify. */
export const encodeCertificateVerify = ({ scheme, signature }: CertificateVerify): Uint8Array =>
  encodeMessage(MESSAGE.certificateVerify, (writer) => {
    writer.u16(scheme)
    writer.vector(2, () => writer.put(signature))
  })

/** A CertificateVerify whose signature is copied, since it outlives the turn as work. */
export const decodeCertificateVerify = (body: Uint8Array): CertificateVerify | Refusal =>
  decodeWhole(body, (reader) => ({ scheme: reader.u16(), signature: vectorBytes(reader, 2).slice() })) ??
  malformed('CertificateVerify')

/** What the `signer` signs (RFC 8446 section 4.4.3); `transcriptHash` covers everything up to its own Certificate. */
export const signedContent = (signer: 'client' | 'server', transcriptHash: Uint8Array): Uint8Array =>
  concat(SIGNED_PADDING, ascii(`TLS 1.3, ${signer} CertificateVerify\0`), transcriptHash)

const SIGNED_PADDING = new Uint8Array(64).fill(0x20)

/** A Finished with its verify_data. */
export const encodeFinished = (verifyData: Uint8Array): Uint8Array =>
  encodeMessage(MESSAGE.finished, (writer) => writer.put(verifyData))

/** We ask for no extension that a certificate entry may carry, so each is one too many (RFC 8446 section 4.4.2). */
const certificateExtensions = (extensions: Extensions): Refusal | null =>
  extensions.size === 0 ? null : refuse(ALERT.unsupportedExtension, 'an extension in a certificate entry')

const wholeExtensions = (reader: Reader, what: string): Extensions | Refusal => {
  const extensions = readExtensions(reader)
  return reader.failed || reader.remaining > 0 ? malformed(what) : extensions
}
