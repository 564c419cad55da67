#!/usr/bin/node
// The public keys of the slot, or of whatever overrides it (/usr/lib/wow/settings); sshd asks at each login, so nothing is
// copied and nothing goes stale.
import { readdirSync, readFileSync } from 'node:fs'

const settings = '/run/wow/settings'

function keysIn(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8')).sshKeys
  } catch {
    return undefined // The agent says on the console what is wrong with it.
  }
}

function overrides() {
  try {
    return readdirSync(settings).sort().reverse()
  } catch {
    return []
  }
}

const files = [...overrides().map((name) => `${settings}/${name}`), '/etc/wow/appliance.json']
const keys = files.map(keysIn).find((found) => Array.isArray(found)) ?? []
for (const key of keys) console.log(key)
