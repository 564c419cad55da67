import { linkLayerSuite } from '../link-layer.suite.ts'
import { Loopback } from './loopback.ts'

linkLayerSuite('libp2p on the loopback', async () => new Loopback())
