import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { runWow, wowCommand } from './run-wow.ts'

const scratch = mkdtempSync(join(tmpdir(), 'wow-up-'))
const children = new Set<ChildProcess>()
after(() => {
  for (const child of children) child.kill('SIGKILL')
  rmSync(scratch, { recursive: true })
})

interface RunningAgent {
  readonly state: string
  /** Resolves with the phase's line. */
  phase(name: string): Promise<string>
  /** Resolves with the exit code. */
  stop(signal: NodeJS.Signals): Promise<number | null>
}

/** Starts an overlay node on the loopback. */
function startAgent(name: string, ...args: string[]): RunningAgent {
  const state = join(scratch, name)
  const fixed = ['up', '--no-mdns', '--no-port-mapping', '--listen', '/ip4/127.0.0.1/tcp/0', '--state', state]
  const [command, ...rest] = wowCommand([...fixed, ...args])
  const child = spawn(command, rest, { stdio: ['ignore', 'pipe', 'pipe'] })
  children.add(child)
  let output = ''
  let errors = ''
  child.stdout.on('data', (part) => {
    output += part
  })
  child.stderr.on('data', (part) => {
    errors += part
  })
  const ended = once(child, 'exit').then(([code]) => code as number | null)
  return {
    state,
    async phase(name) {
      for (;;) {
        const line = output.split('\n').find((text) => text.startsWith(`wow: phase=${name} `))
        if (line !== undefined) return line
        if (child.exitCode !== null) throw new Error(`the agent ended before phase ${name}: ${errors}`)
        await Promise.race([once(child.stdout, 'data'), ended])
      }
    },
    async stop(signal) {
      child.kill(signal)
      return ended
    },
  }
}

async function ask(
  page: string,
  state: string,
): Promise<{ code: number | null; answer: ReturnType<typeof JSON.parse> }> {
  const { code, stdout } = await runWow([page, '--state', state, '--json'], { home: scratch })
  return { code, answer: JSON.parse(stdout) }
}

describe('wow up without a token', () => {
  test('is a ring of one that says so, stops cleanly, and is the same node the next time', async () => {
    const first = startAgent('lone')
    await first.phase('ready')
    const { code, answer } = await ask('status', first.state)
    assert.equal(code, 0)
    assert.equal(answer.phase, 'ready')
    assert.equal(answer.ring.correctlyConnected, true)
    assert.equal(answer.namespace, null)
    assert.equal((await ask('doctor', first.state)).code, 0)
    assert.equal(await first.stop('SIGTERM'), 0)
    assert.ok(!existsSync(join(first.state, 'control.sock')))
    assert.ok(!existsSync(join(first.state, 'agent.pid')))

    const second = startAgent('lone')
    assert.match(await second.phase('listening'), new RegExp(` address=${answer.address} `))
    assert.equal(await second.stop('SIGINT'), 0)
  })

  test('joins the node it is pointed to, shows it, and finds it again by itself', async () => {
    const host = startAgent('host')
    const at = / at=(\S+)/.exec(await host.phase('listening'))?.[1] ?? ''
    const guest = startAgent('guest', '--bootstrap', at)
    await guest.phase('ready')
    const [peer] = (await ask('peers', guest.state)).answer
    assert.equal(peer.address, (await ask('status', host.state)).answer.address)
    assert.equal(peer.remote, at.replace('/tcp/', '/udp/').replace(/\/p2p\/.*/, ''))
    assert.equal(await guest.stop('SIGTERM'), 0)
    assert.ok(JSON.parse(readFileSync(join(guest.state, 'peers.json'), 'utf8')).peers.includes(at))

    const again = startAgent('guest')
    assert.match(await again.phase('linked'), / to=/)
    await again.phase('ready')
    assert.equal(await again.stop('SIGTERM'), 0)
    assert.equal(await host.stop('SIGTERM'), 0)
  })

  test('gives its identity up when another node that came earlier has it too, and is a new node the next time', async () => {
    const host = startAgent('meeting')
    const at = / at=(\S+)/.exec(await host.phase('listening'))?.[1] ?? ''
    const original = startAgent('original', '--bootstrap', at)
    await original.phase('ready')
    const { address } = (await ask('status', original.state)).answer
    // A copied disk in a machine that looks the same as the first.
    const copied = join(scratch, 'copied')
    mkdirSync(copied)
    copyFileSync(join(original.state, 'identity.json'), join(copied, 'identity.json'))
    const copy = await runWow(
      ['up', '--no-mdns', '--no-port-mapping', '--state', copied, '--bootstrap', at, '--json'],
      { home: scratch },
    )
    assert.equal(copy.code, 1)
    assert.equal(JSON.parse(copy.stdout.trim().split('\n').at(-1) ?? '').error.code, 'IDENTITY_TWICE')
    assert.equal((await ask('status', original.state)).answer.address, address)

    const anew = startAgent('copied', '--bootstrap', at)
    assert.doesNotMatch(await anew.phase('listening'), new RegExp(` address=${address} `))
    await anew.phase('ready')
    for (const agent of [anew, original, host]) assert.equal(await agent.stop('SIGTERM'), 0)
  })

  test('publishes a namespace for whoever asks, and keeps its state folder to itself', async () => {
    const node = startAgent('publisher')
    const at = / at=(\S+)/.exec(await node.phase('listening'))?.[1] ?? ''
    const args = ['namespace', 'create', '--name', 'open', '--bootstrap', at, '--json']
    const { code, stdout } = await runWow(args, { home: join(scratch, 'keyring') })
    assert.equal(code, 0)
    assert.equal(JSON.parse(stdout).published, true)

    const rival = await runWow(['up', '--no-mdns', '--no-port-mapping', '--state', node.state, '--json'], {
      home: scratch,
    })
    assert.equal(rival.code, 2)
    assert.equal(JSON.parse(rival.stdout).error.code, 'STATE_IN_USE')
    assert.equal((await ask('status', node.state)).code, 0)
    assert.equal(await node.stop('SIGTERM'), 0)
  })

  test('carries a ring of its own when it has the key, and nobody else is let in', async () => {
    const home = join(scratch, 'own')
    const { token } = JSON.parse((await runWow(['namespace', 'create', '--name', 'own', '--json'], { home })).stdout)
    const key = (await runWow(['namespace', 'ring-key', 'own'], { home })).stdout.trim()
    const carrier = startAgent('carrier', '--ring-key', key)
    const at = / at=(\S+)/.exec(await carrier.phase('listening'))?.[1] ?? ''
    const member = startAgent('member', '--carry', '--token', token, '--bootstrap', at)
    assert.match(await member.phase('namespace'), / name=own .*record=created/)
    await member.phase('ready')
    const { answer } = await ask('status', member.state)
    assert.deepEqual([answer.ring.kind, answer.namespace.name, answer.tap], ['own', 'own', null])
    assert.equal((await ask('peers', carrier.state)).answer.length, 1)

    const stranger = [
      'up',
      '--no-mdns',
      '--no-port-mapping',
      '--listen',
      '/ip4/127.0.0.1/tcp/0',
      '--state',
      join(scratch, 'stranger'),
    ]
    const { code, stdout } = await runWow([...stranger, '--bootstrap', at, '--json'], { home })
    assert.equal(code, 2)
    const { error } = JSON.parse(stdout.trim().split('\n').at(-1) ?? '')
    assert.equal(error.code, 'BOOTSTRAP_UNREACHABLE')
    assert.match(error.hint, /without --ring-key/)
    assert.equal((await ask('peers', carrier.state)).answer.length, 1)
    for (const agent of [member, carrier]) assert.equal(await agent.stop('SIGTERM'), 0)
  })

  test('that is not running is said in one sentence', async () => {
    const state = join(scratch, 'nobody')
    const { code, answer } = await ask('status', state)
    assert.equal(code, 1)
    assert.equal(answer.error.code, 'AGENT_NOT_RUNNING')
    const diagnosis = await ask('doctor', state)
    assert.equal(diagnosis.code, 1)
    assert.equal(diagnosis.answer.ok, false)
  })
})
