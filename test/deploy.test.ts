// What deploy/ holds is what its tools understand, and asks for metrics that there are. Tools that are not here are skipped, by name.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { Scene } from './admin/watched.ts'
import { expose, exposeNow } from '../src/admin/exposition.ts'
import { parse } from '../src/cli/parse.ts'

const DEPLOY = join(import.meta.dirname, '../deploy')
const read = (path: string): string => readFileSync(join(DEPLOY, path), 'utf8')

const without = (tool: string, probe = '--version'): string | false =>
  spawnSync(tool, [probe]).error !== undefined && `there is no ${tool} here`

const passes = (tool: string, ...words: string[]): string => {
  const { status, stdout, stderr } = spawnSync(tool, words, { cwd: DEPLOY, encoding: 'utf8' })
  assert.equal(status, 0, stdout + stderr)
  return stdout
}

describe('deploy', () => {
  test('asks Prometheus for metrics that there are', async () => {
    const { peerId, addresses, transport } = new Scene()
    const reading = { peerId, addresses, metrics: transport.metrics(), endings: [] }
    const text = (await expose(reading, '1')) + (await exposeNow({ rssBytes: 1, cpuSeconds: 1, upSeconds: 1 }, 1))
    const known = new Set([...text.matchAll(/^([a-z_]+)[{ ]/gm)].map(([, name]) => name))
    const asked = [read('prometheus/rules.yml'), read('grafana/sallyport.json')]
      .flatMap((file) => [...file.matchAll(/\b(?:sallyport|process)_[a-z_]+\b/g)])
      .map(([name]) => name)
    assert.ok(asked.length > 20)
    assert.deepEqual(
      asked.filter((name) => !known.has(name)),
      [],
    )
  })

  test('starts nodes with options that there are', () => {
    const commands = [
      /ExecStart=\S+ sallyport (.+)/.exec(read('systemd/sallyport.service'))?.[1],
      /exec sallyport (.+)/.exec(read('kubernetes/base/stateful-set.yaml'))?.[1],
      /command:\s+\[([^\]]+)\]/.exec(read('compose.yml'))?.[1]?.replaceAll(/[,'\n]/g, ' '),
      /CMD \[(.+)\]/.exec(read('Containerfile'))?.[1]?.replaceAll(/[",]/g, ''),
    ]
    for (const command of commands) {
      assert.ok(command !== undefined)
      const words = command.replaceAll(/\$\{?POD_IP\}?/g, '192.0.2.1').replaceAll(/"|\$join|\$SALLYPORT_OPTIONS/g, '')
      const outcome = parse(words.split(' ').filter(Boolean), '')
      assert.equal(outcome.kind, 'run', JSON.stringify(outcome))
    }
  })

  test('lets the pods of Kubernetes join through the first, and the first, when it comes back, through the second', () => {
    const script = /\n {14}set -eu\n([\s\S]+?)\n {10}env:/.exec(read('kubernetes/base/stateful-set.yaml'))?.[1] ?? ''
    const bootstrapOf = (pod: string, others: boolean): readonly string[] => {
      const tools = `sallyport() { printf '%s\\n' "$@"; }; getent() { ${others}; }; set -eu\n`
      const env = { PATH: '', POD_NAME: pod, POD_NAMESPACE: 'nodes', POD_IP: '192.0.2.1' }
      const words = ['-c', tools + script.replace('exec sallyport', 'sallyport')]
      const { status, stdout, stderr } = spawnSync('/bin/sh', words, { env, encoding: 'utf8' })
      assert.equal(status, 0, stderr)
      const outcome = parse(stdout.trimEnd().split('\n'), '')
      assert.ok(outcome.kind === 'run' && outcome.command === 'start', JSON.stringify(outcome))
      return outcome.values.bootstrap
    }
    // The whole name: name servers are asked for it as it is, without the search list of the pod.
    const through = (pod: string): string[] => [`/dns4/${pod}.sallyport.nodes.svc.cluster.local/udp/9000/quic-v1`]
    assert.deepEqual(bootstrapOf('sallyport-0', false), [])
    assert.deepEqual(bootstrapOf('sallyport-0', true), through('sallyport-1'))
    assert.deepEqual(bootstrapOf('sallyport-5', true), through('sallyport-0'))
  })

  test('has rules and settings that Prometheus takes', { skip: without('promtool') }, () => {
    passes('promtool', 'check', 'config', 'prometheus/prometheus.yml')
    passes('promtool', 'check', 'config', 'prometheus/compose.yml')
    passes('promtool', 'check', 'rules', 'prometheus/rules.yml')
  })

  test('has a unit that systemd takes, and that gives away little', { skip: without('systemd-analyze') }, () => {
    passes('systemd-analyze', 'verify', 'systemd/sallyport.service')
    passes('systemd-analyze', 'security', '--offline=true', '--threshold=20', 'systemd/sallyport.service')
  })

  test('has a base that kustomize builds', { skip: without('kubectl', 'version') }, () => {
    const built = passes('kubectl', 'kustomize', 'kubernetes/base')
    for (const kind of ['Service', 'StatefulSet', 'PodDisruptionBudget'])
      assert.match(built, new RegExp(`^kind: ${kind}$`, 'm'))
    assert.match(built, /image: sallyport:0\.1\.0/)
  })
})
