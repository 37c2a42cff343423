#!/usr/bin/env node
// The command's entry, in plain JavaScript that an old Node can read: it checks the running Node and its OpenSSL and names the
// remedy, and only then imports the rest (a static import of a missing crypto function would die with a stack trace first).
import * as crypto from 'node:crypto'

const NODE_MAJOR = 24
const NODE_MINOR = 12

/** What keeps this Node from running Sallyport, as one sentence, or null. */
const shortcoming = () => {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  if (major < NODE_MAJOR || (major === NODE_MAJOR && minor < NODE_MINOR)) {
    return `this is Node ${process.versions.node}, and Sallyport needs ${NODE_MAJOR}.${NODE_MINOR} or newer`
  }
  if (typeof crypto.encapsulate !== 'function' || !makesKeys('ml-kem-768')) return lacks('ML-KEM-768')
  return makesKeys('ml-dsa-65') ? null : lacks('ML-DSA-65')
}

const lacks = (algorithm) => `this Node's OpenSSL (${process.versions.openssl}) has no ${algorithm}`

const makesKeys = (type) => {
  try {
    crypto.generateKeyPairSync(type)
    return true
  } catch {
    return false
  }
}

const message = shortcoming()
if (message === null) {
  const { main } = await import('../src/cli/main.ts')
  await main(process.argv.slice(2))
} else {
  const remedy = `Install Node ${NODE_MAJOR}.${NODE_MINOR} or newer, built with OpenSSL 3.5 or newer. In a checkout, "npm run -s sallyport -- <command>" brings its own.`
  if (process.argv.includes('--json')) {
    console.log(JSON.stringify({ error: { code: 'RUNTIME_UNSUPPORTED', message, remedy } }))
  }
  console.error(`sallyport: ${message}\n  ${remedy}`)
  process.exitCode = 1
}
