/** Queries a running agent over its control socket. */

import { request } from 'node:http'
import { join } from 'node:path'
import { codeOf, InputError, messageOf, WowError } from '../core/errors.ts'

const TIMEOUT_MS = 5_000

/** @throws WowError (`AGENT_NOT_RUNNING`) when no agent answers at the folder's socket. */
export async function askAgent(stateFolder: string, page: string): Promise<unknown> {
  const text = await askAgentText(stateFolder, page)
  try {
    return JSON.parse(text)
  } catch {
    throw new WowError(
      'AGENT_ANSWER_INVALID',
      `The agent of ${stateFolder} gave an answer that is not JSON.`,
      'Restart it.',
    )
  }
}

/** The same for a page that is not JSON; returns its text. @throws WowError */
export async function askAgentText(stateFolder: string, page: string): Promise<string> {
  return await get(join(stateFolder, 'control.sock'), page).catch((error: unknown) => {
    throw explain(error, stateFolder)
  })
}

function get(socketPath: string, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath, path, timeout: TIMEOUT_MS }, (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (part: string) => {
        text += part
      })
      response.on('end', () => {
        if (response.statusCode === 200) resolve(text)
        else reject(new Error(`it answered ${response.statusCode}: ${text.trim()}`))
      })
      response.on('error', reject)
    })
    asked.on('timeout', () => asked.destroy(new Error(`no answer within ${TIMEOUT_MS / 1000} s`)))
    asked.on('error', reject)
    asked.end()
  })
}

function explain(error: unknown, stateFolder: string): WowError {
  const code = codeOf(error)
  if (code === 'EACCES') {
    return new InputError(
      'AGENT_NOT_ALLOWED',
      `The agent of ${stateFolder} belongs to another user.`,
      'Run the command as that user, or with sudo.',
    )
  }
  if (code === 'ENOENT' || code === 'ECONNREFUSED' || code === 'ENOTDIR') {
    return new WowError(
      'AGENT_NOT_RUNNING',
      `No agent runs with the state folder ${stateFolder}.`,
      'Start it with `wow up`, or name its folder with --state DIR.',
    )
  }
  return new WowError('AGENT_SILENT', `The agent of ${stateFolder} did not answer: ${messageOf(error)}.`, 'Restart it.')
}
