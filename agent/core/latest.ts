/** Sets an entry at the end of a map that keeps the latest `most`: above that, the one set longest ago is dropped. */
export function setLatest<Key, Value>(map: Map<Key, Value>, key: Key, value: Value, most: number): void {
  map.delete(key)
  map.set(key, value)
  if (map.size > most) map.delete(map.keys().next().value!)
}
