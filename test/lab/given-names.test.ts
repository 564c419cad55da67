import assert from 'node:assert/strict'
import { after, before, describe, type TestContext, test } from 'node:test'
import { type Bootstrap, Lab, labMissing } from '../../lab/lab.ts'
import { NetworkNamespace } from '../../lab/network-namespace.ts'
import { until } from '../../lab/until.ts'
import { ensurePackages } from '../../scripts/lib/apt.ts'

const NAME = 'lab.example'

describe('hosts that were given a name in place of an address', { skip: labMissing() }, () => {
  let lab: Lab
  let carrier: Bootstrap
  let token: string
  let nameServer: { readonly netns: NetworkNamespace; readonly ip: string }
  before(async () => {
    await ensurePackages(['dnsmasq-base'])
    lab = await Lab.open()
    const namespace = await lab.drawNamespace({ name: 'named', pool: '10.128.0.0/9' })
    token = namespace.token
    carrier = await lab.bootstrap('carrier', await lab.ringKey(namespace))
    const netns = await lab.netns('names')
    nameServer = { netns, ip: (await lab.internet.attach(netns)).ip }
  })
  after(() => lab.close())

  /** Serves one TXT record until the test is over. */
  function serve(context: TestContext, record: string): void {
    const options = [
      '--no-daemon',
      '--conf-file=/dev/null',
      '--pid-file',
      '--no-resolv',
      '--no-hosts',
      `--local=/${NAME}/`,
    ]
    const server = nameServer.netns.spawn('dnsmasq', [...options, `--txt-record=_dnsaddr.${NAME},${record}`])
    server.stderr.resume()
    context.after(() => server.kill())
  }

  async function namedHost(label: string) {
    const host = await lab.host(label, { token, bootstrap: [`dns:${NAME}`] })
    assert.ok(host.netns instanceof NetworkNamespace)
    host.netns.useNameServer(nameServer.ip)
    return host
  }

  test('join where the name leads', async (context) => {
    serve(context, `dnsaddr=${carrier.endpoint}`)
    const hosts = [await namedHost('one'), await namedHost('two')]
    const ips = await Promise.all(hosts.map((host) => host.join()))
    assert.notEqual(await hosts[0]!.ping(ips[1]!), null)
  })

  test('end with an error that names the record that is missing', async (context) => {
    serve(context, 'v=spf1 -all')
    const agent = (await namedHost('lost')).startAgent()
    await assert.rejects(agent.phase('ready'), /NAME_UNRESOLVED|no TXT record/)
  })

  test('join when the name server comes after them', async (context) => {
    const host = await namedHost('early')
    const joined = host.join()
    await until(
      'the agent to look for a node',
      async () => (await host.agent.status().catch(() => undefined)) !== undefined,
    )
    serve(context, `dnsaddr=${carrier.endpoint}`)
    assert.notEqual(await joined, '')
  })
})
