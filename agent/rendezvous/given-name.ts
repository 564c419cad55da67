/**
 * What a user may give in place of a node's address: a name that leads to addresses, which may change while tokens and
 * images that hold the name stay as they are (docs/interfaces.md).
 *
 *   dns:cluster.example              TXT records `dnsaddr=<multiaddr>` of _dnsaddr.cluster.example, or of cluster.example
 *   https://cluster.example/nodes    a list: one multiaddr a line, or a JSON array of them
 */

import { InputError } from '../core/errors.ts'

export type GivenName =
  | { readonly way: 'dns'; readonly text: string; readonly domain: string }
  | { readonly way: 'https'; readonly text: string; readonly url: URL }

/** As much as a token holds of one. */
const MAX_LENGTH = 255
/** Letters, digits and hyphens, in labels of at most 63 (RFC 1123 section 2.1); an underscore begins a service's label. */
const DOMAIN = /^(?=.{1,243}$)(?:_?[a-z\d](?:[a-z\d-]{0,61}[a-z\d])?\.)*_?[a-z\d](?:[a-z\d-]{0,61}[a-z\d])?\.?$/i

export function isGivenName(text: string): boolean {
  return /^(?:dns|https?):/i.test(text)
}

/** @throws InputError that names `field` */
export function parseGivenName(text: string, field = 'bootstrap'): GivenName {
  if (text.length > MAX_LENGTH) throw bad(text, field, `Give at most ${MAX_LENGTH} characters.`)
  if (text.startsWith('dns:')) {
    const domain = text.slice('dns:'.length)
    if (DOMAIN.test(domain)) return { way: 'dns', text, domain: domain.replace(/\.$/, '') }
    throw bad(text, field, 'Write dns: and the name of a domain, such as dns:cluster.example.')
  }
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url?.protocol !== 'https:')
    throw bad(text, field, 'Write it with https://, so that nobody on the way can change the list.')
  if (url.username !== '' || url.password !== '') throw bad(text, field, 'Leave the user and the password out of it.')
  return { way: 'https', text, url }
}

function bad(text: string, field: string, hint: string): InputError {
  // What stands before an @ may be a password.
  const shown = text.replace(/\/\/[^/]*@/, '//…@')
  return new InputError('BAD_ENDPOINT', `${field}: "${shown}" is no name that leads to nodes.`, hint)
}
