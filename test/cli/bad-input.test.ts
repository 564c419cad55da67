import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { parseCidr } from '../../agent/core/ip.ts'
import { Keyring, tokenOf } from '../../agent/namespace/keyring.ts'
import { formatRingKey } from '../../agent/namespace/ring-key.ts'
import { keysOf, sampleNamespace } from '../namespace/samples.ts'
import { runWow } from './run-wow.ts'

const isRoot = process.getuid?.() === 0
const needsRoot = isRoot ? {} : { skip: 'needs root' }
const scratch = mkdtempSync(join(tmpdir(), 'wow-bad-input-'))
after(() => rmSync(scratch, { recursive: true }))

let rooms = 0
function room(): { home: string; state: string } {
  const base = join(scratch, String(rooms++))
  mkdirSync(base)
  return { home: join(base, 'home'), state: join(base, 'state') }
}

interface Refusal {
  readonly home: string
  readonly under?: readonly string[]
}

/** The command, with --json, exits with code 2, one matching line on stderr, and an object on stdout. */
async function refused(args: readonly string[], options: Refusal, code: string, expected: RegExp): Promise<void> {
  const { code: exit, stdout, stderr } = await runWow([...args, '--json'], options)
  // An agent logs to stderr too; every line that does not look like a log is for the user.
  const said = stderr.split('\n').filter((line) => line !== '' && !line.startsWith('{'))
  assert.equal(said.length, 1, stderr)
  assert.match(said[0] ?? '', /^wow: [^\n]+; [^\n]+$/)
  assert.match(said[0] ?? '', expected)
  assert.doesNotMatch(stderr, /\n\s+at /)
  assert.equal(exit, 2, stderr)
  assert.equal(JSON.parse(stdout).error.code, code)
}

describe('bad input to wow namespace: one sentence, exit code 2, nothing written', { concurrency: 2 }, () => {
  const cases: [string, string[], string, RegExp][] = [
    ['an unknown namespace', ['namespace', 'show', 'nope'], 'NAMESPACE_UNKNOWN', /"nope".*namespace create/],
    ['a malformed token', ['namespace', 'import', 'wow1nonsense'], 'TOKEN_MALFORMED', /token is malformed.*Copy|copy/],
    [
      'a pool that is no CIDR',
      ['namespace', 'create', '--pool', '10.0.0.0'],
      'POOL_INVALID',
      /pool 10\.0\.0\.0 is not a CIDR/,
    ],
    [
      'a pool that is too small',
      ['namespace', 'create', '--pool', '10.0.0.0/30'],
      'POOL_TOO_SMALL',
      /\/30 is too small/,
    ],
    [
      'a pool that this machine routes',
      ['namespace', 'create', '--pool', '127.0.0.0/16'],
      'POOL_OVERLAP',
      /127\.0\.0\.0\/8 of lo/,
    ],
    [
      'a lease time that is none',
      ['namespace', 'create', '--lease', 'soon'],
      'LEASE_INVALID',
      /"soon" is not a duration/,
    ],
    ['a name that is none', ['namespace', 'create', '--name', 'a/b'], 'OPTION_INVALID', /--name/],
    [
      'a bootstrap address that is none',
      ['namespace', 'create', '--bootstrap', 'host:1'],
      'BAD_ENDPOINT',
      /bootstrap.*host:1/,
    ],
    [
      'a kind of ring that is none',
      ['namespace', 'create', '--ring', 'open'],
      'OPTION_INVALID',
      /--ring.*own or shared/,
    ],
    ['an option that does not exist', ['namespace', 'create', '--frobnicate'], 'USAGE', /--frobnicate/],
    ['a subcommand that does not exist', ['frobnicate'], 'USAGE', /frobnicate/],
  ]
  for (const [name, args, code, expected] of cases) {
    test(name, async () => {
      const { home } = room()
      await refused(args, { home }, code, expected)
      assert.ok(!existsSync(home))
    })
  }
})

describe('bad input to wow up: one sentence, exit code 2, nothing written', { concurrency: 2 }, () => {
  const token = tokenOf(sampleNamespace({ pool: parseCidr('10.99.0.0/16')! }))
  const up = (state: string, ...args: string[]) => ['up', '--no-mdns', '--no-port-mapping', '--state', state, ...args]

  test('a malformed token', async () => {
    const { home, state } = room()
    await refused(
      up(state, '--token', `${token.slice(0, 90)}7${token.slice(91)}a`),
      { home },
      'TOKEN_MALFORMED',
      /token/,
    )
    assert.ok(!existsSync(state))
  })

  test('a ring key that is none, is of another ring, or is given for a shared ring', async () => {
    const { home, state } = room()
    const key = formatRingKey(keysOf(sampleNamespace()).ring)
    const own = tokenOf(sampleNamespace({ pool: parseCidr('10.99.0.0/16')!, ring: 'own' }))
    await refused(up(state, '--ring-key', key.slice(0, -3)), { home }, 'RING_KEY_MALFORMED', /ring key is malformed/)
    for (const [joined, expected] of [
      [own, /another ring than the token/],
      [token, /shared and has no key/],
    ] as const) {
      const args = up(state, '--carry', '--token', joined, '--ring-key', key)
      await refused(args, { home }, 'RING_KEY_MISMATCH', expected)
    }
    assert.ok(!existsSync(state))
  })

  test('a member without a tap that has no namespace, or is to be in a pool of HTCondor', async () => {
    const { home, state } = room()
    await refused(up(state, '--carry'), { home }, 'CONFIG_INVALID', /--carry needs a namespace/)
    const args = up(state, '--carry', '--token', token, '--condor')
    await refused(args, { home }, 'CONFIG_INVALID', /--condor needs a tap/)
    assert.ok(!existsSync(state))
  })

  test('a config file with a field of the wrong kind', async () => {
    const { home, state } = room()
    const config = `${state}.json`
    writeFileSync(config, '{"mtu":"large"}')
    await refused(up(state, '--config', config), { home }, 'CONFIG_INVALID', /field mtu of .*json/)
    assert.ok(!existsSync(state))
  })

  test('an address to listen on that is none', async () => {
    const { home, state } = room()
    await refused(up(state, '--listen', '0.0.0.0:4001'), { home }, 'BAD_LISTEN_ADDRESS', /listen/)
    assert.ok(!existsSync(state))
  })

  for (const kind of ['udp', 'tcp'] as const) {
    test(`a port that another program has over ${kind}`, async (t) => {
      const { home, state } = room()
      const server = kind === 'tcp' ? createServer().listen(0, '127.0.0.1') : createSocket('udp4').bind(0, '127.0.0.1')
      t.after(() => server.close())
      await once(server, 'listening')
      const { port } = server.address() as AddressInfo
      const message = new RegExp(`^wow: listen: .*/${kind}/${port} \\(another program listens there\\)`)
      await refused(up(state, '--listen', `/ip4/127.0.0.1/tcp/${port}`), { home }, 'LISTEN_FAILED', message)
    })
  }

  test('a tap name that is taken', needsRoot, async () => {
    const { home, state } = room()
    await refused(
      up(state, '--token', token, '--tap', 'lo'),
      { home },
      'TAP_NAME_TAKEN',
      /named lo already exists.*--tap/,
    )
    assert.ok(!existsSync(state))
  })

  test('a pool that this machine routes', needsRoot, async () => {
    const { home, state } = room()
    const overlapping = tokenOf(sampleNamespace({ pool: parseCidr('127.0.0.0/16')! }))
    await refused(
      up(state, '--token', overlapping, '--tap', 'wowt1'),
      { home },
      'POOL_OVERLAP',
      /127\.0\.0\.0\/8 of lo/,
    )
    assert.ok(!existsSync(state))
  })

  test('no /dev/net/tun', needsRoot, async () => {
    const { home, state } = room()
    const under = ['unshare', '--mount', 'sh', '-c', 'mount -t tmpfs none /dev/net && exec "$@"', 'sh']
    await refused(up(state, '--token', token, '--tap', 'wowt2'), { home, under }, 'TAP_NO_TUN', /no \/dev\/net\/tun/)
    assert.ok(!existsSync(state))
  })

  test('no root', async () => {
    const { home, state } = room()
    const under = isRoot ? ['setpriv', '--bounding-set', '-net_admin', '--inh-caps', '-net_admin'] : []
    await refused(up(state, '--token', token, '--tap', 'wowt3'), { home, under }, 'TAP_NO_RIGHTS', /no right.*root/)
    assert.ok(!existsSync(state))
  })

  test('a state folder that cannot be written', async () => {
    const { home } = room()
    await refused(up('/dev/null/state'), { home }, 'STATE_UNWRITABLE', /state folder \/dev\/null\/state.*--state DIR/)
  })

  const corrupt: [string, string, object][] = [
    ['peers.json', 'STATE_CORRUPT', {}],
    ['identity.json', 'IDENTITY_CORRUPT', {}],
    ['leases.json', 'STATE_CORRUPT', needsRoot],
  ]
  for (const [file, code, options] of corrupt) {
    test(`a corrupt ${file}`, options, async () => {
      const { home, state } = room()
      mkdirSync(state)
      writeFileSync(join(state, file), '{"version":1,')
      const member = file === 'leases.json' ? ['--token', token, '--tap', 'wowt4'] : []
      await refused(up(state, ...member), { home }, code, new RegExp(join(state, file)))
      assert.deepEqual(readdirSync(state), [file])
    })
  }

  test('a bootstrap address where nobody answers', async () => {
    const { home, state } = room()
    const address = '/ip4/127.0.0.1/tcp/9'
    const listen = ['--listen', '/ip4/127.0.0.1/tcp/0']
    await refused(
      up(state, ...listen, '--bootstrap', address),
      { home },
      'BOOTSTRAP_UNREACHABLE',
      /tcp\/9 does not answer/,
    )
    assert.ok(!existsSync(join(state, 'agent.pid')))
  })
})

test('a keyring folder that cannot be written is refused before anything is made', async () => {
  await refused(['namespace', 'create', '--name', 'x'], { home: '/dev/null/home' }, 'KEYRING_UNREADABLE', /WOW_HOME/)
  assert.deepEqual(new Keyring(join(scratch, 'nowhere')).list(), [])
})
