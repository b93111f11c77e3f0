// Port-forward over WebSocket without a tunnel: the ports stand in the request, and each has one
// connection and two channels, data and error, that begin with its number. Upstream: the v4
// protocols of pkg/kubelet/cri/streaming/portforward.
import { Duplex, type Readable } from 'node:stream';
import { whenWritten } from './delivery.ts';
import { type ForwardRuntime, forward, type PortForwardOffer } from './port-forward-session.ts';
import { WebSocketChannels, type WebSocketConnection } from './websocket-channels.ts';

/** By subprotocol, the best first; '' is a client that names none. */
export const portChannelProtocols: Readonly<Record<string, { base64: boolean; maxPorts: number }>> = {
  // The number of a channel is a byte, or a digit.
  'v4.channel.k8s.io': { base64: false, maxPorts: 128 },
  'v4.base64.channel.k8s.io': { base64: true, maxPorts: 5 },
  '': { base64: false, maxPorts: 128 },
};

/** Serves the offer's ports until every connection has ended, or the client leaves. */
export async function runPortChannels(
  rt: ForwardRuntime,
  offer: PortForwardOffer,
  client: WebSocketConnection,
): Promise<void> {
  const channels = new WebSocketChannels(client);
  const data = offer.ports.map((_port, i) => openDataChannel(channels, 2 * i));
  const errors = offer.ports.map((_port, i) => channels.writer(2 * i + 1));
  channels.onMessage((id, body) => {
    const target = data[id / 2];
    if (target && !target.push(body)) channels.pause();
  });
  channels.onClose(() => {
    for (const stream of data) stream.destroy();
  });
  for (const [i, port] of offer.ports.entries()) {
    const head = Buffer.from([port & 0xff, port >> 8]);
    void channels.send(2 * i, head);
    void channels.send(2 * i + 1, head);
  }
  await Promise.all(
    offer.ports.map((port, i) => forward(rt, { sandboxId: offer.sandboxId, port, data: data[i]!, error: errors[i]! })),
  );
  await Promise.all([...data, ...errors].map(whenWritten));
  await channels.close();
}

function openDataChannel(channels: WebSocketChannels, id: number): Duplex {
  const duplex = new Duplex({
    read: () => channels.resume(),
    write: (chunk: Buffer, _encoding, done) => void channels.send(id, chunk).then(() => done()),
    // The client cannot close a channel: when the pod has sent all, that was all.
    final(this: Readable, done) {
      this.push(null);
      done();
    },
  });
  return duplex.on('error', () => undefined);
}
