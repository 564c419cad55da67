/**
 * The hygiene gate: what must not be in an image that is copied and handed around.
 *
 * Rules look at the file system as it is on the disk. A rule that finds anything fails the build and `make verify`.
 */

import type { Entry, Tree } from './tree.ts'

/** What the flavour permits. */
export interface Permitted {
  /** Programs that run with the rights of their owner or group. */
  readonly privileged: readonly string[]
  /** Units that start by themselves. */
  readonly units: readonly string[]
}

export interface Rule {
  readonly code: string
  /** What is true when nothing is found. */
  readonly promise: string
  /** What breaks the promise, one line each. */
  find(tree: Tree, permitted: Permitted): Promise<string[]>
}

export interface Breach {
  readonly code: string
  readonly promise: string
  readonly found: readonly string[]
}

/** Everything that the rules find; nothing when the image is clean. */
export async function breaches(tree: Tree, permitted: Permitted, rules = RULES): Promise<Breach[]> {
  const broken: Breach[] = []
  for (const { code, promise, find } of rules) {
    const found = await find(tree, permitted)
    if (found.length > 0) broken.push({ code, promise, found })
  }
  return broken
}

/** A rule that certain paths do not exist. */
function none(code: string, promise: string, unwanted: (entry: Entry) => boolean): Rule {
  return { code, promise, find: async ({ entries }) => entries.filter(unwanted).map(({ path }) => path) }
}

const isFile = ({ type }: Entry) => type === 'file'
const holdsSomething = (entry: Entry) => isFile(entry) && entry.size > 0
const within = (path: string, folders: readonly string[]) => folders.some((folder) => path.startsWith(`${folder}/`))

const HISTORIES =
  /\/\.(bash_history|python_history|node_repl_history|viminfo|lesshst|wget-hsts|sudo_as_admin_successful)$/
const CACHES = ['/var/cache/apt', '/var/lib/apt/lists', '/tmp', '/var/tmp', '/run']
/** Folders of people and services, where a secret would be; all other files come from Debian's packages. */
const PERSONAL = ['/etc', '/root', '/home', '/srv', '/opt', '/usr/local', '/var']
const NOT_SEARCHED = ['/var/lib/dpkg', '/etc/ssl/certs', '/var/cache/debconf']
const MAX_SEARCHED_BYTES = 1 << 20
const SECRETS: readonly (readonly [what: string, pattern: RegExp])[] = [
  ['a private key', /-----BEGIN [A-Z ]*PRIVATE KEY-----/],
  ['a join token', /\bwow1[a-z2-7]{60,}/],
  ['a password of a repository', /^\s*machine\s+\S+\s+login\s+\S+\s+password\s/m],
  ['a token of a registry', /:_authToken=/],
]
/** In /etc/shadow: nobody can log in with a password. */
const NO_PASSWORD = /^[!*]/
const WANTED = /^\/etc\/systemd\/system\/[^/]+\.(?:wants|requires|upholds)\/([^/]+)$/
const SOCKET = /^\/(?:etc|usr\/lib)\/systemd\/system\/sockets\.target\.wants\/([^/]+)$/
/** Ports and addresses; sockets with paths or abstract names are local to the machine. */
const NETWORK_SOCKET = /^Listen(?:Stream|Datagram|SequentialPacket)=(?:\d+|\[|\d+\.\d+)/m

export const RULES: readonly Rule[] = [
  none('IDENTITY', 'no node identity, no leases of the agent', ({ path }) => path.startsWith('/var/lib/wow/')),
  none('HOST_KEYS', 'no SSH host keys', ({ path }) => /^\/etc\/ssh\/ssh_host_/.test(path)),
  {
    code: 'MACHINE_ID',
    promise: 'an empty machine-id, so that each machine makes its own and none counts as never booted',
    async find({ entries }) {
      const own = entries.find(({ path }) => path === '/etc/machine-id')
      const copies = entries.filter((entry) => entry.path === '/var/lib/dbus/machine-id' && isFile(entry))
      const found = copies.map(({ path }) => path)
      if (own === undefined) found.push('/etc/machine-id is not there')
      else if (own.size > 0) found.push('/etc/machine-id')
      return found
    },
  },
  none('LOGS', 'no logs', (entry) => within(entry.path, ['/var/log']) && holdsSomething(entry)),
  none(
    'CACHES',
    'no caches and nothing temporary',
    (entry) => (within(entry.path, CACHES) || /\/\.cache\//.test(entry.path)) && holdsSomething(entry),
  ),
  none('HISTORY', 'no history of anybody', ({ path }) => HISTORIES.test(path)),
  none(
    'LEASES',
    'no DHCP leases',
    (entry) => within(entry.path, ['/var/lib/dhcp', '/var/lib/dhcpcd', '/var/lib/systemd/network']) && isFile(entry),
  ),
  none('RANDOM_SEED', 'no random seed or credential key that copies would share', ({ path }) =>
    /^\/var\/lib\/(systemd\/(random-seed|credential\.secret)|urandom\/random-seed)$/.test(path),
  ),
  {
    code: 'SECRETS',
    promise: "no secret but the namespace's, which is in the slot",
    async find(tree) {
      const searched = tree.entries.filter(
        (entry) =>
          holdsSomething(entry) &&
          entry.size <= MAX_SEARCHED_BYTES &&
          within(entry.path, PERSONAL) &&
          !within(entry.path, NOT_SEARCHED),
      )
      const found: string[] = []
      for (const [path, content] of await tree.read(searched.map(({ path }) => path))) {
        const text = Buffer.from(content).toString('latin1')
        for (const [what, pattern] of SECRETS) if (pattern.test(text)) found.push(`${path} holds ${what}`)
        if (/\/authorized_keys2?$/.test(path)) found.push(`${path} lets somebody in`)
      }
      return found
    },
  },
  {
    code: 'PASSWORDS',
    promise: 'no account with a password',
    async find(tree) {
      const shadow = (await tree.read(['/etc/shadow'])).get('/etc/shadow')
      if (shadow === undefined) return ['/etc/shadow is not there']
      const accounts = Buffer.from(shadow).toString().trim().split('\n')
      return accounts
        .filter((line) => !NO_PASSWORD.test(line.split(':')[1] ?? ''))
        .map((line) => line.split(':')[0] ?? '')
    },
  },
  {
    code: 'PRIVILEGED',
    promise: "no setuid or setgid program that the flavour's `privileged` does not name",
    async find({ entries }, { privileged }) {
      const found = entries.filter((entry) => isFile(entry) && (entry.mode & 0o6000) !== 0)
      return found
        .filter(({ path }) => !privileged.includes(path))
        .map(({ path, mode, uid, gid }) => `${path} (mode ${mode.toString(8)}, user ${uid}, group ${gid})`)
    },
  },
  none(
    'WRITABLE',
    'nothing that everybody may write, but for temporary folders',
    ({ path, type, mode }) =>
      type !== 'link' &&
      (mode & 0o002) !== 0 &&
      !(type === 'folder' && (mode & 0o1000) !== 0) &&
      !within(path, ['/dev']),
  ),
  {
    code: 'UNITS',
    promise: "no unit starts by itself that the flavour's `units.enable` does not name",
    async find({ entries }, { units }) {
      const enabled = entries.flatMap(({ path }) => WANTED.exec(path)?.[1] ?? [])
      return [...new Set(enabled)].filter((unit) => !units.includes(unit))
    },
  },
  {
    code: 'LISTENING',
    promise: "no socket on a network that the flavour's `units.enable` does not name",
    async find(tree, { units }) {
      const sockets = tree.entries.flatMap(({ path }) => SOCKET.exec(path)?.[1] ?? [])
      const files = sockets.map((name) => `/usr/lib/systemd/system/${name}`)
      const found: string[] = []
      for (const [path, content] of await tree.read(files)) {
        const name = path.slice(path.lastIndexOf('/') + 1)
        if (NETWORK_SOCKET.test(Buffer.from(content).toString()) && !units.includes(name)) found.push(name)
      }
      return found
    },
  },
]
