import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, test } from 'node:test'
import { Counters } from '../../../agent/core/counters.ts'
import { parseIp4 } from '../../../agent/core/ip.ts'
import { ANNOUNCEMENT_PORT } from '../../../agent/transport/mapping/constants.ts'
import { RealMappingNet } from '../../../agent/transport/mapping/real-net.ts'
import { udpEndpoint } from '../../../agent/underlay/udp-endpoint.ts'

const LOOPBACK = parseIp4('127.0.0.1')!
const OTHER = parseIp4('127.0.0.2')!

describe('a real socket to a router', () => {
  const closers: (() => void)[] = []
  afterEach(() => {
    for (const close of closers.splice(0)) close()
  })

  async function bound(ip: string) {
    const socket = createSocket('udp4').bind(0, ip)
    closers.push(() => socket.close())
    await once(socket, 'listening')
    return socket
  }

  test('asks from the address that it is told, and hears only the router', async () => {
    const [router, stranger] = [await bound('127.0.0.1'), await bound('127.0.0.1')]
    const { port } = router.address()
    const socket = await new RealMappingNet(new Counters()).openSocket(OTHER, { ip: LOOPBACK, port })
    closers.push(() => socket.close())
    const heard = new Promise<string>((resolve) => {
      socket.onDatagram = (datagram, from) => resolve(`${Buffer.from(datagram)} from ${from}`)
    })
    socket.send(Buffer.from('question'), udpEndpoint('127.0.0.1', port)!)
    const [question, from] = await once(router, 'message')
    assert.deepEqual([String(question), from.address], ['question', '127.0.0.2'])
    stranger.send('lie', from.port, from.address)
    await new Promise((resolve) => setTimeout(resolve, 50))
    router.send('answer', from.port, from.address)
    assert.equal(await heard, `answer from 127.0.0.1:${port}`)
  })

  test('that hears what routers announce is opened beside one of another program', async () => {
    const net = new RealMappingNet(new Counters())
    const ears = [await net.openEar(), await net.openEar()]
    closers.push(...ears.map((ear) => () => ear.close()))
    const heard = new Promise<string>((resolve) => {
      for (const ear of ears) ear.onDatagram = (datagram, from) => resolve(`${Buffer.from(datagram)} from ${from}`)
    })
    const router = await bound('127.0.0.1')
    router.send('news', ANNOUNCEMENT_PORT, '127.0.0.1')
    assert.equal(await heard, `news from 127.0.0.1:${router.address().port}`)
  })

  test('is none when the machine does not have that address any more', async () => {
    const net = new RealMappingNet(new Counters())
    await assert.rejects(net.openSocket(parseIp4('192.0.2.1')!, { ip: LOOPBACK, port: 9 }), /EADDRNOTAVAIL/)
  })

  test('says when nobody listens at the router', async () => {
    const gone = await bound('127.0.0.1')
    const { port } = gone.address()
    closers.splice(closers.length - 1, 1)
    gone.close()
    const counters = new Counters()
    const socket = await new RealMappingNet(counters).openSocket(LOOPBACK, { ip: LOOPBACK, port })
    closers.push(() => socket.close())
    const refused = new Promise<void>((resolve) => {
      socket.onRefused = resolve
    })
    socket.send(Buffer.from('question'), udpEndpoint('127.0.0.1', port)!)
    await refused
    assert.ok(counters.get('drop-ECONNREFUSED') >= 1)
  })
})

describe('an exchange over HTTP with a router', () => {
  async function asked(listener: RequestListener, signal = new AbortController().signal) {
    const server = createServer(listener).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/control`)
    const net = new RealMappingNet(new Counters())
    try {
      return await net.exchange(OTHER, { method: 'POST', url, headers: { SOAPAction: 'x' }, body: '<é/>' }, signal)
    } finally {
      server.closeAllConnections()
      server.close()
    }
  }

  test('goes out from the address that it is told, whole', async () => {
    const { status, body } = await asked(async (request, response) => {
      let text = ''
      for await (const part of request) text += part
      response.statusCode = 500
      response.end(`${request.method} ${request.headers.soapaction} ${text} ${request.socket.remoteAddress}`)
    })
    assert.deepEqual([status, body], [500, 'POST x <é/> 127.0.0.2'])
  })

  test('fails when the answer is too long, or ends early', async () => {
    await assert.rejects(
      asked((_request, response) => response.end('x'.repeat(70_000))),
      /too long/,
    )
    await assert.rejects(
      asked((_request, response) => {
        response.writeHead(200, { 'Content-Length': '10' })
        response.write('x')
        response.destroy()
      }),
    )
  })

  test('follows no redirection', async () => {
    let requests = 0
    const { status } = await asked((_request, response) => {
      requests++
      response.writeHead(302, { Location: '/elsewhere' }).end()
    })
    assert.deepEqual([status, requests], [302, 1])
  })

  test('ends when it is aborted', async () => {
    const signal = AbortSignal.timeout(50)
    await assert.rejects(
      asked(() => {}, signal),
      /abort/i,
    )
  })
})
