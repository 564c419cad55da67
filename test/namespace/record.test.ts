import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { DecodeError } from '../../agent/core/codec.ts'
import { formatIp4, type Ip4, parseCidr, parseIp4 } from '../../agent/core/ip.ts'
import {
  generateSigningKey,
  ID_LENGTH,
  MAX_RECORD_BYTES,
  MAX_RESERVED,
  openRecord,
  RING_KINDS,
  reservedOf,
  signRecord,
} from '../../agent/namespace/record.ts'
import { recordKey, sealRecord, unsealRecord } from '../../agent/namespace/record-entry.ts'
import { keysOf, sampleNamespace, sampleRecord } from './samples.ts'

const RECORD_OF_VERSION_1 =
  'AZ5dD1nWHdGykq4OtH+/V5SQH4i6y3lwMV7Uxyz9rO7hABgDbGFiCoAAAAkAAACowAEHbGFiLndvdwDt/58q5BwQSgvyi9kMq3r4KwTE2GSL/UaQIeLNWjTVG0GACHxgyy05jwNENV9CcXozHSsRPyGB6HtiS8SqLTIF'

describe('a namespace record', () => {
  test('comes back as it was signed, with an id that belongs to its key', () => {
    const key = generateSigningKey()
    const reserved = [parseIp4('10.128.0.5')!, parseIp4('10.200.0.1')!]
    const signed = signRecord(sampleRecord({ reserved, mtu: 1280, domain: undefined }), key)
    assert.deepEqual(openRecord(signed.encoded), signed)
    assert.match(signed.id, new RegExp(`^[a-z2-7]{${ID_LENGTH}}$`))
    assert.equal(signRecord(sampleRecord({ name: 'other' }), key).id, signed.id)
    assert.notEqual(signRecord(sampleRecord(), generateSigningKey()).id, signed.id)
  })

  test('of either kind of ring says so, and one from before there were two is of a shared ring', () => {
    const key = generateSigningKey()
    for (const ring of RING_KINDS) {
      assert.equal(openRecord(signRecord(sampleRecord({ ring }), key).encoded).record.ring, ring)
    }
    assert.equal(openRecord(Buffer.from(RECORD_OF_VERSION_1, 'base64')).record.ring, 'shared')
  })

  test('is refused when any single byte was altered', () => {
    const { encoded } = sampleNamespace().signed
    for (let place = 0; place < encoded.length; place++) {
      const altered = encoded.slice()
      altered[place]! ^= 1
      assert.throws(() => openRecord(altered), DecodeError, `byte ${place}`)
    }
  })

  test('of any bytes at all is opened or refused, nothing else', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 1100 }), (bytes) => {
        assert.throws(() => openRecord(bytes), DecodeError)
      }),
    )
  })

  test('at its fullest still fits a DHT value', () => {
    const pool = parseCidr('10.128.0.0/9')!
    const reserved = Array.from({ length: MAX_RESERVED }, (_, place) => (pool.base + 2 + place) as Ip4)
    const label = 'a'.repeat(62)
    const domain = `${label}.${label}.${label}.${label}`
    const { signed, ...rest } = sampleNamespace({ name: 'n'.repeat(40), reserved, domain, mtu: 9000 })
    assert.ok(signed.encoded.length <= MAX_RECORD_BYTES)
    assert.ok(sealRecord(keysOf({ signed, ...rest }), signed).length <= 1024)
  })

  test('out of range is refused at signing', () => {
    const key = generateSigningKey()
    const bad = [
      { leaseS: 1 },
      { mtu: 100 },
      { name: 'no spaces' },
      { domain: 'Upper.Case' },
      { pool: parseCidr('10.0.0.0/30')! },
      { reserved: [parseIp4('11.0.0.1')!] },
    ]
    for (const changes of bad) {
      assert.throws(() => signRecord(sampleRecord(changes), key), RangeError, JSON.stringify(changes))
    }
  })

  test('never hands out the network, service and broadcast address of its pool', () => {
    const pool = parseCidr('192.168.7.0/24')!
    const reserved = reservedOf(sampleRecord({ pool, reserved: [parseIp4('192.168.7.9')!] }))
    assert.deepEqual(reserved.map(formatIp4), ['192.168.7.0', '192.168.7.1', '192.168.7.9', '192.168.7.255'])
  })
})

describe('a record in the DHT', () => {
  test('is the same bytes whichever member writes it, and only members read it', () => {
    const namespace = sampleNamespace()
    const value = sealRecord(keysOf(namespace), namespace.signed)
    assert.deepEqual(sealRecord(keysOf(namespace), namespace.signed), value)
    assert.equal(unsealRecord(keysOf(namespace), value)?.id, namespace.signed.id)
    assert.equal(unsealRecord(keysOf(sampleNamespace()), value), undefined)
    assert.ok(!Buffer.from(value).includes('lab'))
  })

  test('of another namespace under this id is not taken', () => {
    const namespace = sampleNamespace()
    const forged = sealRecord(keysOf(namespace), sampleNamespace().signed)
    assert.equal(unsealRecord(keysOf(namespace), forged), undefined)
  })

  test('is found by the id alone', () => {
    const { id } = sampleNamespace().signed
    assert.deepEqual(recordKey(id), recordKey(id))
    assert.notDeepEqual(recordKey(id), recordKey(sampleNamespace().signed.id))
  })
})
