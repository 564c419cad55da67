/**
 * Boots an appliance under QEMU and talks to it on its serial console, as a user at the machine would.
 *
 * The image is not written (snapshot=on) unless `writes` is set.
 */

import { type ChildProcess, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { appendFileSync, copyFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { type Accelerator, PROCESSORS } from '../scripts/lib/accelerator.ts'
import { qmp } from './qmp.ts'

/** A place on a LAN: a tap in a network namespace (`ip netns`). */
export interface Port {
  readonly netns: string
  readonly tap: string
}

export interface BootOptions {
  readonly image: string
  readonly accelerator: Accelerator
  readonly firmware?: 'bios' | 'uefi'
  readonly memoryMiB?: number
  /** Tells a copy from the original machine; random by default, null for a machine without one. */
  readonly uuid?: string | null
  /** Keeps what the machine writes. */
  readonly writes?: boolean
  /** How the disk is attached; virtio by default. */
  readonly bus?: 'virtio' | 'ahci' | 'pvscsi'
  /** The network card; virtio by default. */
  readonly card?: 'virtio-net-pci' | 'e1000' | 'vmxnet3'
  /** Further hardware, as QEMU arguments. */
  readonly more?: readonly string[]
  /** The uplink's hardware address. */
  readonly mac?: string
  /** Where the uplink is plugged in; by default the machine's own network behind QEMU's NAT. */
  readonly port?: Port
  /** The console is also written here. */
  readonly log?: string
}

const OVMF = '/usr/share/OVMF'
export class Machine {
  readonly #qemu: ChildProcess
  readonly #scratch: string
  readonly #log: string | undefined
  #console = ''
  #errors = ''
  /** How QEMU ended: its exit code, or the signal. */
  #ended: number | NodeJS.Signals | undefined
  #wake: () => void = () => {}

  private constructor(qemu: ChildProcess, scratch: string, log: string | undefined) {
    this.#qemu = qemu
    this.#scratch = scratch
    this.#log = log
    qemu.stdout?.on('data', (chunk: Buffer) => this.#heard(chunk.toString('utf8')))
    qemu.stderr?.on('data', (chunk: Buffer) => {
      this.#errors += chunk.toString('utf8')
    })
    qemu.once('exit', (code, signal) => {
      this.#ended = signal ?? code ?? 0
      this.#wake()
    })
    // When a test dies, its machines die with it.
    process.once('exit', this.#kill)
  }

  static boot(options: BootOptions): Machine {
    const scratch = mkdtempSync(join(tmpdir(), 'wow-boot-'))
    const inside = options.port === undefined ? [] : ['ip', 'netns', 'exec', options.port.netns]
    const qemu = [...inside, 'qemu-system-x86_64', ...machineArguments(options, scratch)]
    // QEMU dies with this process, even when that is killed.
    return new Machine(spawn('setpriv', ['--pdeathsig', 'KILL', ...qemu]), scratch, options.log)
  }

  readonly #kill = () => {
    this.#qemu.kill('SIGKILL')
  }

  #heard(text: string): void {
    this.#console += text
    if (this.#log !== undefined) appendFileSync(this.#log, text)
    this.#wake()
  }

  /** Everything the console has shown. */
  get console(): string {
    return this.#console
  }

  /**
   * Resolves at the first match in the console's output from offset `after` on.
   *
   * @throws Error with the end of the console's output when the machine ends or panics, or after `timeoutMs`.
   */
  async waitFor(pattern: RegExp, timeoutMs: number, after = 0): Promise<RegExpExecArray> {
    const deadline = Date.now() + timeoutMs
    for (;;) {
      const shown = this.#console.slice(after)
      const match = pattern.exec(shown)
      if (match !== null) return match
      const broken = /Kernel panic|Give root password|\(initramfs\)|emergency mode|no bootable device/i.exec(shown)
      const reason =
        broken?.[0] ??
        (this.#ended !== undefined ? `QEMU ended (${this.#ended})` : Date.now() > deadline ? 'too late' : undefined)
      if (reason !== undefined) {
        throw new Error(`${pattern} did not come: ${reason}\n${this.#errors}${this.#console.slice(-3000)}`)
      }
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, Math.max(1, Math.min(1000, deadline - Date.now())))
        this.#wake = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    }
  }

  /** Runs one line in the shell on the serial console; resolves with its output and exit code. */
  async run(command: string, timeoutMs: number): Promise<{ output: string; exitCode: number }> {
    const mark = randomUUID().slice(0, 8)
    const after = this.#console.length
    // The mark's halves meet only in the output, never in the echo of the typed line.
    this.#qemu.stdin?.write(`echo "begin-"'${mark}'; ${command}; echo "end-"'${mark}' $?\n`)
    const match = await this.waitFor(new RegExp(`begin-${mark}\\r*\\n([^]*?)end-${mark} (\\d+)\\s`), timeoutMs, after)
    return { output: stripVTControlCharacters(match[1] ?? '').replaceAll('\r', ''), exitCode: Number(match[2]) }
  }

  /** Pauses the machine with all its clocks, as its host's user might. */
  async pause(): Promise<void> {
    await qmp(qmpSocket(this.#scratch), 'stop')
  }

  async resume(): Promise<void> {
    await qmp(qmpSocket(this.#scratch), 'cont')
  }

  async stop(): Promise<void> {
    process.off('exit', this.#kill)
    if (this.#ended === undefined) {
      const ended = new Promise((resolve) => this.#qemu.once('exit', resolve))
      this.#kill()
      await ended
    }
    rmSync(this.#scratch, { recursive: true, force: true })
  }
}

function qmpSocket(scratch: string): string {
  return join(scratch, 'qmp.sock')
}

function machineArguments(options: BootOptions, scratch: string): string[] {
  const { accelerator, firmware = 'bios', memoryMiB = 1024, uuid = randomUUID() } = options
  const argv = ['-machine', 'q35', '-m', String(memoryMiB), ...(uuid === null ? [] : ['-uuid', uuid])]
  const { model, count } = PROCESSORS[accelerator]
  argv.push('-accel', accelerator, '-cpu', model, '-smp', String(count))
  if (firmware === 'uefi') {
    const variables = join(scratch, 'vars.fd')
    copyFileSync(`${OVMF}/OVMF_VARS_4M.fd`, variables)
    argv.push('-drive', `if=pflash,format=raw,readonly=on,file=${OVMF}/OVMF_CODE_4M.fd`)
    argv.push('-drive', `if=pflash,format=raw,file=${variables}`)
  }
  argv.push(...diskArguments(options))
  const { port } = options
  argv.push('-netdev', port ? `tap,id=uplink,ifname=${port.tap},script=no,downscript=no` : 'user,id=uplink')
  const mac = options.mac === undefined ? '' : `,mac=${options.mac}`
  argv.push('-device', `${options.card ?? 'virtio-net-pci'},netdev=uplink${mac}`)
  argv.push('-device', 'virtio-rng-pci', '-display', 'none', '-monitor', 'none', '-no-reboot', '-serial', 'stdio')
  argv.push('-qmp', `unix:${qmpSocket(scratch)},server=on,wait=off`)
  argv.push(...(options.more ?? []))
  return argv
}

function diskArguments({ image, bus = 'virtio', writes = false }: BootOptions): string[] {
  const drive = `if=none,id=disk,snapshot=${writes ? 'off' : 'on'},file=${image}`
  switch (bus) {
    case 'virtio':
      return ['-drive', drive, '-device', 'virtio-blk-pci,drive=disk,bootindex=1']
    case 'ahci': {
      const controller = ['-device', 'ich9-ahci,id=sata']
      return [...controller, '-drive', drive, '-device', 'ide-hd,drive=disk,bus=sata.0,bootindex=1']
    }
    case 'pvscsi':
      return ['-device', 'pvscsi,id=scsi', '-drive', drive, '-device', 'scsi-hd,drive=disk,bus=scsi.0,bootindex=1']
  }
}
