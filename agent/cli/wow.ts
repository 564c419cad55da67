#!/usr/bin/env node
/**
 * `wow`: one command for namespaces, for running the agent, and for inspecting it.
 *
 * Every subcommand has `--help` with an example and exit codes that a script can use (see `output.ts`); all but
 * `condor owner` have `--json`. A subcommand's code is loaded when it runs: `wow status` must not wait for libp2p.
 */

import { Command, CommanderError, InvalidArgumentError } from 'commander'
import { InputError } from '../core/errors.ts'
import { VERSION } from '../version.ts'
import { reportError } from './output.ts'

const JSON_HELP = 'print one JSON value on stdout'
const STATE_HELP = 'state folder of the agent (default: /var/lib/wow as root, else ~/.local/state/wow)'

function buildProgram(): Command {
  const program = new Command('wow')
    .description('Virtual machines that find each other and become one private cluster, with no server to run.')
    .version(VERSION)
    .exitOverride()
    .configureOutput({ outputError: () => {} })
    .addHelpText('after', '\nExit codes: 0 all well, 1 failed at run time, 2 bad input.')
    .addHelpText(
      'after',
      example('wow namespace create --name lab && sudo wow up --token "$(wow namespace export lab)"'),
    )
  addNamespace(program)
  addUp(program)
  addInspection(program)
  addBundle(program)
  addCondor(program)
  addSim(program)
  return program
}

function addNamespace(program: Command): void {
  const namespace = program.command('namespace').description('make and share namespaces')
  namespace
    .command('create')
    .description('make a namespace and keep its keys in the keyring')
    .option('--name <name>', 'a name for people (default: made from the id)')
    .option('--pool <cidr>', 'addresses to hand out (default: a free one, 10.128.0.0/9 first)')
    .option('--lease <time>', 'lease time, such as 12h, 90m or 45s', '12h')
    .option('--bootstrap <multiaddr>', 'a node of the overlay; repeat for more', collect)
    .option('--domain <domain>', 'DNS domain of the members (default: NAME.wow)')
    .option('--mtu <bytes>', 'MTU of the virtual network', wholeNumber)
    .option('--reserve <ip>', 'an address never to hand out; repeat for more', collect)
    .option(
      '--ring <kind>',
      'own: a ring that only nodes with its key join; shared: one that anybody joins (default: shared with --bootstrap, else own)',
    )
    .option('--json', JSON_HELP)
    .addHelpText('after', example('wow namespace create --name lab --pool 10.128.0.0/9 --lease 12h --json'))
    .action(async (options) => (await import('./namespace.ts')).create(options))
  namespace
    .command('list')
    .description('the namespaces in the keyring')
    .option('--json', JSON_HELP)
    .addHelpText('after', example('wow namespace list'))
    .action(async (options) => (await import('./namespace.ts')).list(options))
  namespace
    .command('show <namespace>')
    .description('what is known of a namespace, without its secret')
    .option('--json', JSON_HELP)
    .addHelpText('after', example('wow namespace show lab'))
    .action(async (wanted, options) => (await import('./namespace.ts')).show(wanted, options))
  namespace
    .command('export <namespace>')
    .description('the join token of a namespace; who has it is a member')
    .option('--json', JSON_HELP)
    .addHelpText('after', example('wow namespace export lab'))
    .action(async (wanted, options) => (await import('./namespace.ts')).exportToken(wanted, options))
  namespace
    .command('ring-key <namespace>')
    .description('the key of its own ring, for `wow up --ring-key` on nodes that are no members')
    .option('--json', JSON_HELP)
    .addHelpText('after', example('wow namespace ring-key lab'))
    .action(async (wanted, options) => (await import('./namespace.ts')).ringKey(wanted, options))
  namespace
    .command('import <token>')
    .description('put the namespace of a join token into the keyring (- reads it from stdin)')
    .option('--json', JSON_HELP)
    .addHelpText('after', example('wow namespace import wow1…'))
    .action(async (token, options) => (await import('./namespace.ts')).importToken(token, options))
}

function addUp(program: Command): void {
  program
    .command('up')
    .description('run the agent in the foreground; without a token as a plain node that carries others')
    .option('--token <token>', 'join token of a namespace; needs root for the tap')
    .option('--carry', 'be a member without a tap: carry requests, store entries, relay')
    .option('--ring-key <key>', "be a plain node of a namespace's own ring; see wow namespace ring-key")
    .option('--bootstrap <multiaddr>', 'a node of the overlay; repeat for more', collect)
    .option(
      '--listen <multiaddr>',
      'where to listen over TCP, and at the same port over UDP; repeat for more (default: any address, the port of the last run)',
      collect,
    )
    .option(
      '--announce <multiaddr>',
      'where others reach this node over TCP and UDP, if not where it listens; repeat for more',
      collect,
    )
    .option('--tap <name>', 'name of the tap (default: wow0)')
    .option('--state <dir>', STATE_HELP)
    .option('--log <format>', 'json or text (default: text)')
    .option('--config <file>', 'JSON file with the same fields; options here override it')
    .option('--overrides <dir>', 'folder of more such files, which override it in the order of their names')
    .option('--screen <path>', 'a terminal that shows the status')
    .option('--console <path>', 'a terminal or file that gets a line a phase; repeat for more', collect)
    .option(
      '--on-lost <command>',
      'makes a DHCP client ask again that does not watch the carrier (isc dhclient, udhcpc)',
    )
    .option('--no-mdns', 'do not look for nodes on the LAN')
    .option('--no-port-mapping', 'do not ask the router to let others in (PCP, NAT-PMP, UPnP)')
    .option('--mtu <bytes>', 'MTU of the tap', wholeNumber)
    .option(
      '--condor [settings]',
      'be one of the pool of HTCondor; settings such as role=worker,group=lab (see docs/condor.md)',
    )
    .option('--json', 'the same as --log json')
    .addHelpText('after', example('sudo wow up --token "$(wow namespace export lab)" --state /var/lib/wow'))
    .action(async (options, command: Command) => {
      // Commander makes these true by default, which would hide a config file's value.
      const given = (name: 'mdns' | 'portMapping') =>
        command.getOptionValueSource(name) === 'cli' ? options[name] : undefined
      await (await import('./up.ts')).up({ ...options, mdns: given('mdns'), portMapping: given('portMapping') })
    })
}

function addInspection(program: Command): void {
  const pages = {
    status: 'where the agent stands: phase, ring, leases, tunnels',
    peers: 'the nodes that the agent is linked to',
    leases: 'the addresses that clients of this node hold',
    doctor: 'what is wrong, and what to do; exit code 0 only when all is well',
  } as const
  for (const [page, description] of Object.entries(pages)) {
    program
      .command(page)
      .description(description)
      .option('--state <dir>', STATE_HELP)
      .option('--json', JSON_HELP)
      .addHelpText('after', example(`wow ${page} --state /var/lib/wow --json`))
      .action(async (options) => (await import('./inspect.ts')).inspect(page as keyof typeof pages, options))
  }
}

function addCondor(program: Command): void {
  const condor = program.command('condor').description('the pool of HTCondor that this machine is in')
  condor
    .command('status')
    .description('the pool as this machine sees it: its manager, its size, its problems')
    .option('--state <dir>', STATE_HELP)
    .option('--json', JSON_HELP)
    .addHelpText('after', example('wow condor status --json'))
    .action(async (options) => (await import('./condor.ts')).condorStatus(options))
  condor
    .command('owner')
    .description('tell the agent what the owner of the machine does, for the policy idle; call it once a minute')
    .requiredOption('--idle <seconds>', 'since keyboard or mouse was touched', wholeNumber)
    .option('--battery', 'the machine runs on battery')
    .option('--no-battery', 'it does not')
    .addHelpText('after', example('ssh wow@<address> sudo wow condor owner --idle $(($(xprintidle) / 1000))'))
    .action(async (options, command: Command) => {
      const said = command.getOptionValueSource('battery') === 'cli'
      ;(await import('./condor.ts')).condorOwner({ idle: options.idle, ...(said ? { battery: options.battery } : {}) })
    })
}

function addSim(program: Command): void {
  program
    .command('sim')
    .description(
      'play random stories of faults in virtual time, and watch the promises of the ring, the DHT and leases',
    )
    .option('--stories <n>', 'how many stories (default: 100)', wholeNumber)
    .option('--seed <n>', 'which stories: the same seed gives the same (default: 1)', wholeNumber)
    .option('--jobs <n>', 'threads (default: one a core)', wholeNumber)
    .option('--hours <n>', 'go on for so long; without --stories only that ends it', wholeNumber)
    .option('--udp', 'all stories over real UDP sessions and NATs, which cost four times as much (default: one in 50)')
    .option('--replay <story>', 'play one story again: the JSON that a failing run prints')
    .option('--json', JSON_HELP)
    .addHelpText('after', example('wow sim --stories 1000 --seed 7'))
    .action(async (options) => (await import('./sim.ts')).simulate(options))
}

function addBundle(program: Command): void {
  program
    .command('bundle')
    .description('one file for whoever helps: status, doctor, peers, metrics and log, without a secret')
    .option('--state <dir>', STATE_HELP)
    .option('--out <file>', 'where to (default: wow-bundle-TIME.json in this folder)')
    .option('--json', JSON_HELP)
    .addHelpText('after', example('sudo wow bundle --out /tmp/wow-bundle.json'))
    .action(async (options) => (await import('./bundle.ts')).bundle(options))
}

function example(line: string): string {
  return `\nExample:\n  ${line}`
}

/** Collects a repeated option; commas separate several values in one. */
function collect(text: string, before: string[] | undefined): string[] {
  return [...(before ?? []), ...text.split(',').map((part) => part.trim())]
}

function wholeNumber(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('It must be a whole number.')
  return Number(text)
}

/** Commander's own errors, in our form; undefined when it only printed help or the version. */
function usageError(error: CommanderError): InputError | undefined {
  if (error.exitCode === 0) return undefined
  const what = error.message
    .replace(/^error: /, '')
    .replace(/\s+/g, ' ')
    .replace('is invalid. It', 'is invalid: it')
  if (error.code === 'commander.help') {
    return new InputError('USAGE', 'A subcommand is missing', 'See `wow --help`.')
  }
  return new InputError(
    'USAGE',
    what.charAt(0).toUpperCase() + what.slice(1),
    'See `wow --help` or `wow SUBCOMMAND --help`.',
  )
}

async function run(): Promise<void> {
  const json = process.argv.includes('--json')
  try {
    await buildProgram().parseAsync(process.argv)
  } catch (error) {
    const reported = error instanceof CommanderError ? usageError(error) : error
    if (reported !== undefined) process.exitCode = reportError(reported, json)
  }
  // Pending work must not keep the process alive; all output has been written already.
  process.exit()
}

// Not awaited: the bundle is CommonJS (see start.ts), which has no top-level await.
void run()
