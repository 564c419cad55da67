/** Sets an entry at the end of a map that keeps the latest `most`: above that, the one set longest ago is dropped, and returned. */
export function setLatest<Key, Value>(map: Map<Key, Value>, key: Key, value: Value, most: number): Value | undefined {
  map.delete(key)
  map.set(key, value)
  if (map.size <= most) return undefined
  const [oldest, dropped] = map.entries().next().value!
  map.delete(oldest)
  return dropped
}
