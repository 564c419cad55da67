/**
 * The configuration of `wow up`: command-line options override the file's, which override the defaults; all are
 * checked.
 *
 * The file is the appliance's slot (`/etc/wow/appliance.json`): the same fields as the options, padded with spaces to
 * the slot's size. A field that this version does not know only causes a warning that names it: images outlive agents.
 */

import { readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import * as v from 'valibot'
import { type CondorSettings, condorSchema, condorSettings } from '../condor/settings.ts'
import { InputError, messageOf } from '../core/errors.ts'
import { MAX_MTU, MIN_MTU } from '../namespace/record.ts'

export interface AgentConfig {
  /** Join token; undefined: a plain overlay node. */
  readonly token: string | undefined
  /** Key of the ring of its own that this node serves without being a member; undefined: none, or the token's. */
  readonly ringKey: string | undefined
  /** A member without a tap: it carries requests, stores entries and relays. */
  readonly carry: boolean
  readonly bootstrap: readonly string[]
  readonly listen: readonly string[]
  readonly announce: readonly string[]
  readonly tap: string
  /** State folder, absolute. */
  readonly state: string
  readonly log: 'json' | 'text'
  readonly mdns: boolean
  /** Whether to ask the router to let others in. */
  readonly portMapping: boolean
  /** The tap's MTU, bytes; undefined: the namespace's, or the agent's default. */
  readonly mtu: number | undefined
  readonly console: readonly string[]
  /** undefined: this machine is in no HTCondor pool. */
  readonly condor: CondorSettings | undefined
  /** Shell command that wakes the DHCP client when its address was lost; undefined: only the carrier changes. */
  readonly onLost: string | undefined
  /** A terminal that shows the status; undefined: none. */
  readonly screen: string | undefined
}

const strings = v.pipe(v.array(v.string()), v.readonly())
const optionsSchema = v.object({
  token: v.optional(v.string()),
  ringKey: v.optional(v.string()),
  carry: v.optional(v.boolean()),
  bootstrap: v.optional(strings),
  listen: v.optional(strings),
  announce: v.optional(strings),
  // IFNAMSIZ: 15 bytes; the kernel also refuses slashes, blanks, and "." and "..".
  tap: v.optional(
    v.pipe(v.string(), v.regex(/^(?!\.{1,2}$)[^\s/:]{1,15}$/, 'must be a device name of 1 to 15 characters')),
  ),
  state: v.optional(v.pipe(v.string(), v.nonEmpty('must not be empty'))),
  log: v.optional(v.picklist(['json', 'text'], 'must be json or text')),
  mdns: v.optional(v.boolean()),
  portMapping: v.optional(v.boolean()),
  mtu: v.optional(
    v.pipe(
      v.number(),
      v.check((mtu) => Number.isInteger(mtu) && mtu >= MIN_MTU && mtu <= MAX_MTU, `must be ${MIN_MTU} to ${MAX_MTU}`),
    ),
  ),
  console: v.optional(strings),
  condor: v.optional(condorSchema),
  onLost: v.optional(v.pipe(v.string(), v.nonEmpty('must not be empty'))),
  screen: v.optional(v.string()),
})
/** The options as a user gives them; a field not given is unset. */
export type UpOptions = v.InferOutput<typeof optionsSchema>

/** The file in an image's slot: the agent's options, and fields that other parts of the appliance read. */
export interface ApplianceConfig extends UpOptions {
  readonly flavour: string
  /** Public keys that may log in as `wow`. */
  readonly sshKeys: readonly string[]
}
const OTHERS_FIELDS = ['flavour', 'sshKeys'] satisfies Exclude<keyof ApplianceConfig, keyof UpOptions>[]

/** Everywhere, over IPv4 and IPv6. Ports are remembered between runs, see `state-folder.ts`; 0 lets the kernel choose. */
export function everywhere(port: number): readonly string[] {
  return [`/ip4/0.0.0.0/tcp/${port}`, `/ip6/::/tcp/${port}`]
}

/** Merges both sources. Checks every field but the token and the multiaddrs: `makePlan` does. @throws InputError */
export function resolveConfig(flags: UpOptions, file: UpOptions = {}): AgentConfig {
  const checked = check(
    flags,
    (field) => `The option --${field.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`,
  )
  const over = <Field extends keyof UpOptions>(field: Field): UpOptions[Field] => checked[field] ?? file[field]
  return {
    token: over('token'),
    ringKey: over('ringKey'),
    carry: carryOf(over('carry'), over('token')),
    // Every way into the ring helps, so both lists count.
    bootstrap: [...new Set([...(checked.bootstrap ?? []), ...(file.bootstrap ?? [])])],
    listen: over('listen') ?? [],
    announce: over('announce') ?? [],
    tap: over('tap') ?? 'wow0',
    state: resolve(over('state') ?? defaultStateFolder()),
    log: over('log') ?? 'text',
    mdns: over('mdns') ?? true,
    portMapping: over('portMapping') ?? true,
    mtu: over('mtu'),
    console: over('console') ?? [],
    condor: condorOf(over('condor'), over('token'), over('carry')),
    onLost: over('onLost'),
    screen: over('screen'),
  }
}

/** @throws InputError when there is no namespace or no tap for the pool to use. */
function condorOf(
  options: UpOptions['condor'],
  token: string | undefined,
  carry: boolean | undefined,
): CondorSettings | undefined {
  if (options === undefined) return undefined
  if (token === undefined) {
    throw invalid('The option --condor needs a namespace.', 'Give its join token with --token, or leave --condor out.')
  }
  if (carry === true) throw invalid('The option --condor needs a tap.', 'Leave --carry or --condor out.')
  return condorSettings(options)
}

/** @throws InputError when there is no namespace to be a member of. */
function carryOf(carry: boolean | undefined, token: string | undefined): boolean {
  if (carry === true && token === undefined) {
    throw invalid(
      'The option --carry needs a namespace.',
      'Give its join token with --token; a node that is no member is started with --ring-key, or with neither.',
    )
  }
  return carry ?? false
}

/** Calls `warn` for each unknown field. @throws InputError that names the file and the field. */
export function readConfigFile(path: string, warn: (sentence: string) => void): UpOptions {
  const content = parseFile(path)
  if (typeof content !== 'object' || content === null || Array.isArray(content)) {
    throw invalid(`The config file ${path} holds no JSON object.`)
  }
  const known = [...Object.keys(optionsSchema.entries), ...OTHERS_FIELDS]
  for (const field of Object.keys(content)) {
    if (!known.includes(field)) warn(`The field ${JSON.stringify(field)} of ${path} is not known and was ignored.`)
  }
  return check(content, (field) => `The field ${field} of ${path}`)
}

function parseFile(path: string): unknown {
  let text: string
  try {
    text = readFileSync(path, 'utf8').trim()
  } catch (error) {
    throw invalid(`The config file ${path} cannot be read: ${messageOf(error)}.`)
  }
  if (text === '')
    throw invalid(`The config file ${path} is empty.`, 'Bake a namespace into the image with `make appliance NS=…`.')
  try {
    return JSON.parse(text)
  } catch {
    // The parser's message quotes the file, and the file contains a token.
    throw invalid(`The config file ${path} is not JSON.`)
  }
}

function check(options: unknown, subject: (field: string) => string): UpOptions {
  const result = v.safeParse(optionsSchema, options)
  if (result.success) return result.output
  const issue = result.issues[0]
  const field = v.getDotPath(issue) ?? '(all)'
  const expected = issue.message.startsWith('must') ? issue.message : `must be ${issue.expected ?? 'something else'}`
  throw invalid(`${subject(field)} ${expected}.`)
}

function invalid(message: string, hint = 'See `wow up --help` for the fields and their form.'): InputError {
  return new InputError('CONFIG_INVALID', message, hint)
}

/** `/var/lib/wow` for root, `~/.local/state/wow` for other users. */
export function defaultStateFolder(): string {
  return process.getuid?.() === 0 ? '/var/lib/wow' : join(homedir(), '.local', 'state', 'wow')
}
