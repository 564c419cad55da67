import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { utf8 } from '../../../agent/core/bytes.ts'
import type { HttpAnswer, HttpRequest } from '../../../agent/transport/mapping/ways.ts'
import { Home } from './router.ts'

const SERVICE = 'urn:schemas-upnp-org:service:WANIPConnection:1'
const LOCATION = 'http://192.168.1.1:5000/root.xml'
const ADDRESS = '<NewExternalIPAddress>203.0.113.9</NewExternalIPAddress>'
const ok = (body: string): HttpAnswer => ({ status: 200, body })
const error = (code: number): HttpAnswer => ({
  status: 500,
  body: `<UPnPError><errorCode>${code}</errorCode></UPnPError>`,
})

function found(location = LOCATION, device = 'urn:schemas-upnp-org:device:InternetGatewayDevice:2'): string {
  return ['HTTP/1.1 200 OK', 'Cache-Control: max-age=120', `st:  ${device}`, `LOCATION: ${location}`, '', ''].join(
    '\r\n',
  )
}

function description(control = '/control', type = SERVICE, base = ''): string {
  const other =
    '<service><serviceType>urn:x:service:Layer3Forwarding:1</serviceType><controlURL>/no</controlURL></service>'
  const wan = `<service><serviceType>${type}</serviceType><controlURL>${control}</controlURL></service>`
  return `<?xml version="1.0"?><root xmlns="urn:schemas-upnp-org:device-1-0">${base}<device>${other}${wan}</device></root>`
}

/** A router that speaks UPnP alone. */
class UpnpHome extends Home {
  found = found()
  description = description()
  readonly asked: HttpRequest[] = []
  /** `udp 4001`. */
  readonly mappings: string[] = []
  /** The router's errors to come when it is asked for a mapping. */
  errors: number[] = []
  answers: Readonly<Record<string, HttpAnswer>> = {}

  constructor() {
    super()
    this.router.speaks = 'nothing'
    // The group's address stands for all that listen to it.
    const group = this.network.host(undefined, '239.255.255.250').socket(1900)
    const router = this.machine.socket(1900)
    group.onDatagram = (_search, from) => router.send(utf8(this.found), from)
    this.http = (request) => {
      this.asked.push(request)
      if (request.method === 'GET') return ok(this.description)
      const action = request.headers?.SOAPAction?.replace(/.*#|"/g, '') ?? ''
      const value = (name: string) => new RegExp(`<${name}>(.*?)</${name}>`).exec(request.body ?? '')?.[1]
      const name = `${value('NewProtocol')} ${value('NewExternalPort')} ${value('NewLeaseDuration') ?? ''}`.trim()
      const answer = this.answers[action]
      if (answer !== undefined) return answer
      if (action === 'AddPortMapping') {
        const code = this.errors.shift()
        if (code !== undefined) return error(code)
        this.mappings.push(name)
      }
      if (action === 'DeletePortMapping') {
        this.mappings.splice(0, this.mappings.length, ...this.mappings.filter((one) => !one.startsWith(`${name} `)))
      }
      return ok(`<u:${action}Response>${action === 'GetExternalIPAddress' ? ADDRESS : ''}</u:${action}Response>`)
    }
  }

  /** Long enough for the other ways to have failed. */
  async searched() {
    const mapping = await this.started()
    await this.clock.runFor(20_000)
    return mapping
  }
}

describe('a node behind a router that speaks UPnP alone', () => {
  test('searches it, and asks the service that maps ports', async () => {
    const home = new UpnpHome()
    const mapping = await home.searched()
    assert.deepEqual(home.told, ['203.0.113.9:4001'])
    assert.equal(mapping.facts()?.protocol, 'upnp')
    assert.deepEqual(home.mappings, ['UDP 4001 3600', 'TCP 4001 3600'])
    assert.deepEqual([...new Set(home.asked.map(({ url }) => url.href))], [LOCATION, 'http://192.168.1.1:5000/control'])
    const add = home.asked.find(({ body }) => body?.includes('AddPortMapping'))
    assert.match(add?.body ?? '', /<NewInternalPort>4001<.*<NewInternalClient>192\.168\.1\.2</)
    assert.equal(home.sockets.length, 0, 'the socket of the search is closed')
  })

  test('renews its mapping, and gives it back at the end', async () => {
    const home = new UpnpHome()
    const mapping = await home.searched()
    await home.clock.runFor(31 * 60_000)
    assert.equal(home.mappings.length, 4)
    await home.clock.complete(mapping.stop())
    assert.deepEqual(home.mappings, [])
  })

  test('takes another port where that one belongs to another host', async () => {
    const home = new UpnpHome()
    home.errors = [718]
    await home.searched()
    const [outer] = home.told
    assert.match(outer ?? '', /^203\.0\.113\.9:(49[2-9]|5|6)\d+$/)
    assert.deepEqual(
      home.mappings.map((name) => name.split(' ')[1]),
      Array(2).fill(outer?.split(':')[1]),
    )
  })

  test('takes a mapping without an end where the router has no others, and gives that back, too', async () => {
    const home = new UpnpHome()
    home.errors = [725]
    const mapping = await home.searched()
    assert.deepEqual(home.mappings, ['UDP 4001 0', 'TCP 4001 0'])
    await home.clock.complete(mapping.stop())
    assert.deepEqual(home.mappings, [])
  })

  test('tries few ports', async () => {
    const home = new UpnpHome()
    home.errors = Array(20).fill(718)
    await home.searched()
    assert.deepEqual([home.told, home.errors.length], [[], 16])
  })

  test('asks where the description says, relative to its base', async () => {
    const home = new UpnpHome()
    home.description = description('ctl/ip?a=1&amp;b=2', SERVICE, '<URLBase>http://192.168.1.1:6000/x/</URLBase>')
    await home.searched()
    assert.equal(home.asked.at(-1)?.url.href, 'http://192.168.1.1:6000/x/ctl/ip?a=1&b=2')
  })

  test('finds the service of a router that dials in', async () => {
    const home = new UpnpHome()
    home.description = description('/ppp', 'urn:schemas-upnp-org:service:WANPPPConnection:1')
    await home.searched()
    assert.equal(home.told.length, 1)
  })

  const elsewhere: Readonly<Record<string, Partial<UpnpHome>>> = {
    'another host': { found: found('http://192.168.1.66:5000/root.xml') },
    'a name': { found: found('http://router.lan/root.xml') },
    'a user of the host': { found: found('http://a@192.168.1.1/root.xml') },
    'another protocol': { found: found('ftp://192.168.1.1/root.xml') },
    nowhere: { found: 'HTTP/1.1 200 OK\r\nST: urn:schemas-upnp-org:device:InternetGatewayDevice:1\r\n\r\n' },
    'another kind of device': { found: found(LOCATION, 'urn:schemas-upnp-org:device:MediaServer:1') },
    'a notice, not an answer': { found: found().replace('HTTP/1.1 200 OK', 'NOTIFY * HTTP/1.1') },
  }
  for (const [where, parts] of Object.entries(elsewhere)) {
    test(`fetches nothing when the answer to its search names ${where}`, async () => {
      const home = Object.assign(new UpnpHome(), parts)
      await home.searched()
      assert.deepEqual([home.asked, home.told], [[], []])
      assert.ok(home.counters.get('drop-malformed') >= 1)
    })
  }

  test('asks nothing of another host that the description names', async () => {
    const home = new UpnpHome()
    home.description = description('http://192.168.1.66/control')
    await home.searched()
    assert.equal(home.asked.length, 1)
    assert.deepEqual(home.told, [])
  })

  const senseless: Readonly<Record<string, Readonly<Record<string, HttpAnswer>>>> = {
    'an error without a number': { AddPortMapping: { status: 500, body: '<errorCode>no</errorCode>' } },
    'an answer to something else': { AddPortMapping: ok('<u:GetResponse/>') },
    'no address': { GetExternalIPAddress: ok('<u:GetExternalIPAddressResponse/>') },
    'the address 0.0.0.0': {
      GetExternalIPAddress: ok(`<u:GetExternalIPAddressResponse>${ADDRESS.replace('203.0.113.9', '0.0.0.0')}</u>`),
    },
  }
  for (const [what, answers] of Object.entries(senseless)) {
    test(`believes in no mapping when the router answers with ${what}`, async () => {
      const home = Object.assign(new UpnpHome(), { answers })
      await home.searched()
      assert.deepEqual(home.told, [])
    })
  }

  test('waits five seconds for an answer over HTTP, not longer', async () => {
    const home = new UpnpHome()
    home.http = () => undefined
    await home.searched()
    assert.deepEqual(home.logged, ['the router maps no port'])
  })
})
