/**
 * The control socket: a Unix socket, 0600, that speaks HTTP and answers JSON. It is read-only.
 *
 * `GET /status`, `/peers`, `/leases`, `/doctor`, `/condor`, `/metrics`.
 */

import { chmodSync, rmSync } from 'node:fs'
import { createServer, type Server, type ServerResponse } from 'node:http'
import { messageOf } from '../core/errors.ts'
import type { Log } from '../core/log.ts'
import { condorStatusOf } from './condor.ts'
import { diagnose } from './doctor.ts'
import type { AgentFacts } from './facts.ts'
import { metricsOf } from './metrics.ts'
import { leasesOf, peersOf, statusOf } from './status.ts'

type Page = (facts: AgentFacts) => { type: string; body: string }

const json =
  (of: (facts: AgentFacts) => unknown): Page =>
  (facts) => ({ type: 'application/json', body: `${JSON.stringify(of(facts))}\n` })

const PAGES: Readonly<Record<string, Page>> = {
  '/status': json(statusOf),
  '/peers': json(peersOf),
  '/leases': json(leasesOf),
  '/doctor': json(diagnose),
  '/condor': json(({ namespace }) => (namespace?.condor === undefined ? null : condorStatusOf(namespace.condor))),
  '/metrics': (facts) => ({ type: 'text/plain; version=0.0.4', body: metricsOf(facts) }),
}

export class ControlServer {
  readonly #server: Server
  readonly #path: string

  /** `path`: the socket's path, in this agent's own folder; an old socket there is replaced. */
  constructor(path: string, facts: () => AgentFacts, log: Log) {
    this.#path = path
    this.#server = createServer((request, response) => {
      try {
        answer(request.method, request.url, facts, response)
      } catch (error) {
        log.error('a control request failed', { url: request.url, reason: messageOf(error) })
        send(response, 500, 'application/json', `${JSON.stringify({ error: messageOf(error) })}\n`)
      }
    })
  }

  /** @throws the system's error when the socket cannot be made. */
  async start(): Promise<void> {
    rmSync(this.#path, { force: true })
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(this.#path, resolve)
    })
    chmodSync(this.#path, 0o600)
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve())
    })
  }
}

function answer(method = '', url = '', facts: () => AgentFacts, response: ServerResponse): void {
  const page = PAGES[url.split('?')[0] ?? '']
  if (page === undefined) {
    send(response, 404, 'application/json', '{"error":"no such page"}\n')
  } else if (method !== 'GET') {
    send(response, 405, 'application/json', '{"error":"only GET"}\n')
  } else {
    const { type, body } = page(facts())
    send(response, 200, type, body)
  }
}

function send(response: ServerResponse, code: number, type: string, body: string): void {
  response.writeHead(code, { 'content-type': type, 'content-length': Buffer.byteLength(body), connection: 'close' })
  response.end(body)
}
