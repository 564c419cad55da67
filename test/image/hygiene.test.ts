import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, describe, test } from 'node:test'
import { readExt4 } from '../../scripts/appliance/hygiene/ext4.ts'
import { breaches } from '../../scripts/appliance/hygiene/hygiene.ts'
import type { Entry, Tree } from '../../scripts/appliance/hygiene/tree.ts'

const scratch = mkdtempSync(join(tmpdir(), 'wow-hygiene-'))
after(() => rmSync(scratch, { recursive: true }))

interface Content {
  readonly text?: string
  readonly mode?: number
}

/** A clean image with `more` in it. */
function image(more: Readonly<Record<string, Content>> = {}): Tree {
  const files: Record<string, Content> = {
    '/etc/machine-id': {},
    '/etc/shadow': { text: 'root:!:1::\nwow:*:1::\n' },
    ...more,
  }
  const entries = Object.entries(files).map(
    ([path, { text = '', mode = 0o644 }]): Entry => ({ path, type: 'file', mode, uid: 0, gid: 0, size: text.length }),
  )
  const contents = new Map(Object.entries(files).map(([path, { text = '' }]) => [path, Buffer.from(text)]))
  return {
    entries,
    read: async (paths) => new Map(paths.flatMap((path) => (contents.has(path) ? [[path, contents.get(path)!]] : []))),
  }
}

const permitted = { privileged: ['/usr/bin/sudo'], units: ['wow.service', 'ssh.socket'] }
const codes = async (tree: Tree) => (await breaches(tree, permitted)).map(({ code }) => code)
const text = 'x'

describe('the hygiene gate', () => {
  test('lets a clean image pass', async () => {
    const allowed = {
      '/usr/bin/sudo': { mode: 0o4755 },
      '/etc/systemd/system/multi-user.target.wants/wow.service': {},
      '/etc/systemd/system/sockets.target.wants/ssh.socket': {},
      '/usr/lib/systemd/system/ssh.socket': { text: '[Socket]\nListenStream=22\n' },
      '/usr/lib/systemd/system/sockets.target.wants/dbus.socket': {},
      '/usr/lib/systemd/system/dbus.socket': { text: '[Socket]\nListenStream=/run/dbus/system_bus_socket\n' },
      '/var/log/wtmp': {},
    }
    assert.deepEqual(await breaches(image(allowed), permitted), [])
  })

  const cases: readonly [code: string, what: string, more: Record<string, Content>][] = [
    ['IDENTITY', 'the identity of a node', { '/var/lib/wow/identity.json': { text } }],
    ['HOST_KEYS', 'an SSH host key', { '/etc/ssh/ssh_host_ed25519_key.pub': { text } }],
    ['MACHINE_ID', 'a machine-id', { '/etc/machine-id': { text: '0123456789abcdef0123456789abcdef\n' } }],
    ['MACHINE_ID', 'the machine-id of D-Bus', { '/var/lib/dbus/machine-id': { text } }],
    ['LOGS', 'a log', { '/var/log/dpkg.log': { text } }],
    ['CACHES', 'a package', { '/var/cache/apt/archives/nano.deb': { text } }],
    ['CACHES', "somebody's cache", { '/home/wow/.cache/motd.legal-displayed': { text } }],
    ['HISTORY', 'a shell history', { '/root/.bash_history': {} }],
    ['LEASES', 'a lease', { '/var/lib/dhcp/wow0.leases': { text } }],
    ['RANDOM_SEED', 'a random seed', { '/var/lib/systemd/random-seed': { text } }],
    ['SECRETS', 'a private key', { '/etc/wow.pem': { text: '-----BEGIN EC PRIVATE KEY-----' } }],
    ['SECRETS', 'a token outside the slot', { '/root/note': { text: `wow1${'a'.repeat(80)}` } }],
    ['SECRETS', 'a key that lets somebody in', { '/home/wow/.ssh/authorized_keys': { text } }],
    ['PASSWORDS', 'an account with a password', { '/etc/shadow': { text: 'root:$y$j9T$:1::\n' } }],
    ['PASSWORDS', 'an account that needs none', { '/etc/shadow': { text: 'root::1::\n' } }],
    ['PRIVILEGED', 'a setuid program', { '/usr/bin/at': { mode: 0o4755 } }],
    ['PRIVILEGED', 'a setgid program', { '/usr/bin/wall': { mode: 0o2755 } }],
    ['WRITABLE', 'a file that everybody may write', { '/etc/motd': { mode: 0o666 } }],
    ['UNITS', 'a service that starts', { '/etc/systemd/system/multi-user.target.wants/cups.service': {} }],
    [
      'LISTENING',
      'a socket on the network',
      {
        '/usr/lib/systemd/system/sockets.target.wants/rpcbind.socket': {},
        '/usr/lib/systemd/system/rpcbind.socket': {
          text: '[Socket]\nListenStream=/run/rpcbind.sock\nListenStream=111\n',
        },
      },
    ],
  ]
  for (const [code, what, more] of cases) {
    test(`finds ${what}, and nothing else`, async () => assert.deepEqual(await codes(image(more)), [code]))
  }
})

describe('an ext4 file system in an image', () => {
  const disk = join(scratch, 'disk.raw')
  const offset = 1 << 20
  const source = join(scratch, 'tree')
  const put = (path: string, content: string, mode: number) => {
    mkdirSync(dirname(join(source, path)), { recursive: true })
    writeFileSync(join(source, path), content)
    chmodSync(join(source, path), mode)
  }

  test('is read without a mount: names, modes, kinds and contents', async () => {
    put('etc/motd', 'hello\n', 0o644)
    put('usr/bin/a name with spaces', 'x', 0o4755)
    put('deep/er/and/deeper/still', '', 0o600)
    symlinkSync('motd', join(source, 'etc/link'))
    writeFileSync(disk, '')
    truncateSync(disk, 9 << 20)
    execFileSync('mkfs.ext4', ['-q', '-F', '-E', `offset=${offset}`, '-d', source, disk, '8M'])

    const tree = await readExt4(disk, offset)
    const entry = (path: string) => tree.entries.find((candidate) => candidate.path === path)
    assert.deepEqual([entry('/etc/motd')?.type, entry('/etc/motd')?.mode, entry('/etc/motd')?.size], ['file', 0o644, 6])
    assert.equal(entry('/usr/bin/a name with spaces')?.mode, 0o4755)
    assert.equal(entry('/etc/link')?.type, 'link')
    assert.equal(entry('/deep/er/and')?.type, 'folder')
    assert.equal(entry('/deep/er/and/deeper/still')?.size, 0)
    const contents = await tree.read(['/etc/motd', '/usr/bin/a name with spaces', '/not/there'])
    assert.deepEqual([...contents.keys()], ['/etc/motd', '/usr/bin/a name with spaces'])
    assert.equal(Buffer.from(contents.get('/etc/motd') ?? []).toString(), 'hello\n')
  })
})
