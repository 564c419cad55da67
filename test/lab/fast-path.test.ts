import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { askAgentText } from '../../agent/control/client.ts'
import { type Host, type Lab, labMissing } from '../../lab/lab.ts'
import { until } from '../../lab/until.ts'
import { carrierTo, joinedCluster } from './cluster.ts'

const BYTES = 50_000_000
const PORT = 5_001
/** Bytes that repeat nowhere within a segment, so that no two can be confused. */
const SERVER = `const { createHash } = require('node:crypto')
  require('node:net').createServer((socket) => {
    const hash = createHash('sha256')
    socket.on('data', (chunk) => hash.update(chunk)).on('end', () => socket.end(hash.digest('hex')))
  }).listen(${PORT}, () => console.log('up'))`
const CLIENT = `const bytes = Buffer.alloc(${BYTES})
  for (let i = 0; i < bytes.length; i += 4) bytes.writeUInt32LE(i, i)
  const socket = require('node:net').connect({ port: ${PORT}, host: process.argv[1], allowHalfOpen: true })
  socket.on('data', (answer) => process.stdout.write(answer))
  socket.end(bytes)`

async function sendTo(from: Host, to: Host, ip: string): Promise<string> {
  const server = to.netns.spawn(process.execPath, ['-e', SERVER])
  await new Promise((resolve) => server.stdout.once('data', resolve))
  try {
    return await from.netns.run(process.execPath, '-e', CLIENT, ip)
  } finally {
    server.kill()
  }
}

function expectedHash(): string {
  const bytes = Buffer.alloc(BYTES)
  for (let i = 0; i < bytes.length; i += 4) bytes.writeUInt32LE(i, i)
  return createHash('sha256').update(bytes).digest('hex')
}

/** How many packets met this fate, or went on a link. */
async function count({ agent }: Host, outcome: string): Promise<number> {
  const text = await askAgentText(agent.options.state, '/metrics')
  return Number(new RegExp(`outcome="${outcome}"\\} (\\d+)`).exec(text)?.[1] ?? 0)
}

describe('two hosts that can reach each other over UDP', { skip: labMissing() }, () => {
  let lab: Lab
  let one: Host
  let two: Host
  let ips: readonly string[]
  before(async () => {
    const cluster = await joinedCluster(['one', 'two'])
    lab = cluster.lab
    ips = cluster.ips
    ;[one, two] = cluster.hosts as [Host, Host]
    assert.notEqual(await one.ping(ips[1]!), null)
    await until('a lane between the two', async () => (await carrierTo(one, ips[1]!)) === 'udp')
  })
  after(() => lab.close())

  test('exchange a stream past JavaScript, unaltered, both ways', async () => {
    const wanted = expectedHash()
    assert.equal(await sendTo(one, two, ips[1]!), wanted)
    assert.equal(await sendTo(two, one, ips[0]!), wanted)
    const packets = BYTES / 1_400
    for (const host of [one, two]) {
      assert.ok((await count(host, 'fast-packets-out')) > packets)
      assert.ok((await count(host, 'fast-packets-in')) > packets)
      assert.ok((await count(host, 'tap-frames-in')) < packets / 10, 'few frames came to JavaScript')
    }
  })

  test('reports the bytes of a flow with its tunnel', async () => {
    const { tunnels } = await one.agent.status()
    const tunnel = tunnels.find(({ ip }) => ip === ips[1])
    assert.ok(tunnel && tunnel.txBytes > BYTES && tunnel.rxBytes > BYTES)
  })

  test('carry no datagram of their own UDP sockets, wherever the kernel sends it', async () => {
    const { udp } = await one.agent.status()
    const port = udp?.sockets[0]?.at.split(':').at(-1)
    await one.netns.run(
      'nft',
      `table ip own {\nchain out {\ntype nat hook postrouting priority 100\nudp dport 9 snat to ${ips[0]}:${port}\n}\n}`,
    )
    // The first byte of a record, and one of somebody else's datagram from the same port.
    for (const first of [0xd4, 0x78]) {
      const send = `send(Buffer.from([${first}]), 9, '${ips[1]}', () => process.exit())`
      await one.netns.run(process.execPath, '-e', `require('node:dgram').createSocket('udp4').${send}`)
    }
    await until('the datagram is dropped', async () => (await count(one, 'drop-looped')) > 0)
    assert.equal(await count(one, 'drop-looped'), 1)
    await one.netns.run('nft', 'delete table ip own')
  })

  test('lose no full-size packet for long where the line carries less than it did, and nothing says so', async () => {
    const port = `port${two.uplink.ip.split('.').at(-1)}`
    await lab.internet.namespace.ip('link', 'set', port, 'mtu', '1300')
    const ping = (size: number, pings: number) =>
      one.netns.run('ping', '-n', '-q', '-i', '0.2', '-c', String(pings), '-W', '1', '-s', String(size), ips[1]!)
    const allPass = async (pings: number) => / 0% packet loss/.test(await ping(1_322, pings).catch(() => ''))
    await until('full-size packets pass again', () => allPass(3), 20_000)
    assert.ok(await allPass(10))
    assert.equal(await carrierTo(one, ips[1]!), 'udp')
    await lab.internet.namespace.ip('link', 'set', port, 'mtu', '1500')
  })
})

describe('two hosts with a line between that carries 1,300 bytes, and nothing that says so', {
  skip: labMissing(),
}, () => {
  let lab: Lab
  after(() => lab.close())

  test('exchange full-size packets from the first one on', async () => {
    const cluster = await joinedCluster(['one', 'two'])
    lab = cluster.lab
    const [one, two] = cluster.hosts as [Host, Host]
    const [, ip] = cluster.ips
    const port = `port${two.uplink.ip.split('.').at(-1)}`
    await lab.internet.namespace.ip('link', 'set', port, 'mtu', '1300')
    const said = await one.netns.run('ping', '-n', '-q', '-i', '0.2', '-c', '30', '-W', '2', '-s', '1322', ip!)
    assert.match(said, / 0% packet loss/)
    assert.equal(await carrierTo(one, ip!), 'udp')
  })
})
