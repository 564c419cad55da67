/**
 * Looks given names up: DNS TXT records, and lists over HTTPS.
 *
 * Guarantees: an answer is read strictly, at most 64 KB and 32 addresses of it; what is no list, such as the page of a
 * captive portal, is an error that says so. Names in answers are not followed.
 */

import { codeOf, messageOf, WowError } from '../core/errors.ts'
import type { GivenName } from './given-name.ts'

/** The most addresses that a name leads to. */
const MAX_ADDRESSES = 32
/** The longest list, bytes. */
const MAX_LIST_BYTES = 64 * 1024
const TXT_PREFIX = 'dnsaddr='

export interface NameLookupParts {
  /** TXT records of a domain, each in its strings. */
  readonly txt: (domain: string) => Promise<string[][]>
  readonly fetch: (url: URL, init: { readonly signal: AbortSignal }) => Promise<Response>
  /** Whether a text is the address of a node. */
  readonly isEndpoint: (text: string) => boolean
}

/** @throws WowError that says what the name leads to instead */
export async function lookUp(name: GivenName, parts: NameLookupParts, signal: AbortSignal): Promise<string[]> {
  const found = name.way === 'dns' ? await txtRecords(name.domain, parts) : await list(name.url, parts, signal)
  const endpoints = [...new Set(found)].filter(parts.isEndpoint)
  if (endpoints.length > 0) return endpoints.slice(0, MAX_ADDRESSES)
  const example = '/ip4/192.0.2.1/udp/4001'
  throw name.way === 'dns'
    ? failed(
        name,
        'has no TXT record with the address of a node',
        `Add a record "${TXT_PREFIX}${example}" at _dnsaddr.${name.domain}.`,
      )
    : failed(name, 'lists no address of a node', `Serve one address a line, such as ${example}.`)
}

async function txtRecords(domain: string, { txt }: NameLookupParts): Promise<string[]> {
  const answers = await Promise.allSettled([txt(`_dnsaddr.${domain}`), txt(domain)])
  const records = answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []))
  const reason = answers.find((answer) => answer.status === 'rejected' && !isAbsent(answer.reason))
  if (records.length === 0 && reason?.status === 'rejected') {
    const hint = 'Check the name server that this machine uses (/etc/resolv.conf).'
    throw new WowError('NAME_UNRESOLVED', `dns:${domain} cannot be looked up: ${messageOf(reason.reason)}.`, hint)
  }
  const texts = records.map((strings) => strings.join(''))
  return texts.filter((text) => text.startsWith(TXT_PREFIX)).map((text) => text.slice(TXT_PREFIX.length).trim())
}

/** The name server answered: there is no such record. */
function isAbsent(error: unknown): boolean {
  return ['ENODATA', 'ENOTFOUND'].includes(codeOf(error) ?? '')
}

async function list(url: URL, { fetch }: NameLookupParts, signal: AbortSignal): Promise<string[]> {
  const name = { text: url.href }
  const response = await fetch(url, { signal }).catch((error: unknown) => {
    const cause = error instanceof Error && error.cause !== undefined ? error.cause : error
    throw failed(
      name,
      `cannot be read: ${messageOf(cause)}`,
      'Check that this machine reaches it, and its certificate.',
    )
  })
  if (!response.ok) throw failed(name, `answers ${response.status}`, 'Check the address of the list.')
  const text = await bodyOf(response)
  const lines = text === undefined ? undefined : entriesOf(text)
  if (lines !== undefined) return lines
  throw failed(
    name,
    'is no list of nodes',
    'Serve one address a line, or a JSON array; a captive portal may answer in its place.',
  )
}

/** undefined when it is too long. */
async function bodyOf(response: Response): Promise<string | undefined> {
  const decoder = new TextDecoder()
  let [text, bytes] = ['', 0]
  for await (const part of response.body ?? []) {
    bytes += part.length
    if (bytes > MAX_LIST_BYTES) return undefined
    text += decoder.decode(part, { stream: true })
  }
  return text
}

/** undefined for what is no list: a page, or JSON of another shape. */
function entriesOf(text: string): string[] | undefined {
  if (text.trimStart().startsWith('[')) {
    try {
      const entries: unknown = JSON.parse(text)
      return Array.isArray(entries) && entries.every((entry) => typeof entry === 'string') ? entries : undefined
    } catch {
      return undefined
    }
  }
  const lines = text.split('\n').map((line) => line.replace(/#.*/, '').trim())
  const entries = lines.filter((line) => line !== '')
  return entries.every((entry) => entry.startsWith('/')) ? entries : undefined
}

function failed({ text }: { readonly text: string }, what: string, hint: string): WowError {
  return new WowError('NAME_UNRESOLVED', `${text} ${what}.`, hint)
}
