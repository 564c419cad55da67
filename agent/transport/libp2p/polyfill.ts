/** `Promise.withResolvers` for Node 20: libp2p calls it unconditionally. Import this before any part of libp2p. */

interface Resolvers<T> {
  promise: Promise<T>
  resolve: (value: T | PromiseLike<T>) => void
  reject: (reason?: unknown) => void
}

const promises: PromiseConstructor & { withResolvers?: <T>() => Resolvers<T> } = Promise

promises.withResolvers ??= <T>() => {
  let resolve: Resolvers<T>['resolve'] = () => {}
  let reject: Resolvers<T>['reject'] = () => {}
  const promise = new Promise<T>((onResolve, onReject) => {
    resolve = onResolve
    reject = onReject
  })
  return { promise, resolve, reject }
}
