import { linkLayerSuite } from '../link-layer.suite.ts'
import { LoopbackUdp, VirtualUdp } from './worlds.ts'

linkLayerSuite('UDP in virtual time', async () => new VirtualUdp())
linkLayerSuite(
  'UDP that loses, doubles, reorders and alters datagrams',
  async () => new VirtualUdp({ loss: 0.05, duplicate: 0.02, reorder: 0.1, flip: 0 }),
)
linkLayerSuite('UDP on the loopback', async () => new LoopbackUdp())
