/** QEMU's machine protocol (QMP): commands to a running machine over a unix socket, one at a time. */

import { createConnection } from 'node:net'
import { createInterface } from 'node:readline'

/** Runs one command. @throws Error with what QEMU says when it refuses. */
export async function qmp(socket: string, command: 'stop' | 'cont'): Promise<void> {
  const connection = createConnection(socket)
  const lines = createInterface({ input: connection })
  const say = (execute: string) => connection.write(`${JSON.stringify({ execute })}\n`)
  try {
    let answers = 0
    for await (const line of lines) {
      const message = JSON.parse(line)
      if (message.error !== undefined) throw new Error(`QEMU refuses ${command}: ${message.error.desc}`)
      if (message.QMP !== undefined) say('qmp_capabilities')
      if (message.return === undefined) continue
      answers++
      if (answers === 1) say(command)
      else return
    }
    throw new Error(`QEMU ended before it answered ${command}`)
  } finally {
    connection.destroy()
  }
}
