// How the API server reaches a node's kubelet: its address from the Node object, our client certificate.

import type { IncomingMessage } from 'node:http';
import { Agent, request as httpsRequest } from 'node:https';
import { isIP } from 'node:net';
import { type ConnectionOptions, checkServerIdentity, type PeerCertificate } from 'node:tls';
import { StatusError } from '../machinery/errors.ts';
import { describeNetworkError } from '../machinery/network-error.ts';
import type { KindTable } from './registry/kind-table.ts';
import type { ObjectStore } from './storage/object-store.ts';

interface KubeletTls {
  cert: Buffer;
  key: Buffer;
  ca: Buffer;
}

interface KubeletAddress {
  host: string;
  port: number;
}

export interface KubeletAccess {
  /** Where the kubelet of a node listens; 404 for a node that does not exist. */
  addressOf(nodeName: string): KubeletAddress;
  /** Options that present our certificate, and take no other kubelet's than that of the node. */
  tlsOptions(nodeName: string): ConnectionOptions;
  /** A GET on a kubelet; the response is a stream. */
  get(nodeName: string, path: string, signal: AbortSignal): Promise<IncomingMessage>;
}

const defaultKubeletPort = 10250;
const addressOrder = ['InternalIP', 'Hostname', 'ExternalIP'];

export function createKubeletAccess(tls: KubeletTls | undefined, store: ObjectStore, kinds: KindTable): KubeletAccess {
  // Every log that is followed has a connection: they are as many as their readers.
  const agent = new Agent({ keepAlive: true });
  const addressOf = (nodeName: string): KubeletAddress => {
    const node = store.peek(kinds.kind('', 'Node'), '', nodeName)?.object;
    if (!node) throw new StatusError(404, 'NotFound', `nodes ${JSON.stringify(nodeName)} not found`);
    const addresses: { type: string; address: string }[] = node.status?.addresses ?? [];
    const found = addressOrder.map((type) => addresses.find((a) => a.type === type)).find((a) => a !== undefined);
    if (!found) throw new StatusError(500, 'InternalError', `no preferred addresses found; known addresses: []`);
    return { host: found.address, port: node.status?.daemonEndpoints?.kubeletEndpoint?.Port ?? defaultKubeletPort };
  };
  // Connections and sessions are kept by server name: those of one node are not taken for another's
  // of the same address.
  const tlsOptions = (nodeName: string): ConnectionOptions => ({
    ...tls,
    servername: isIP(nodeName) ? `node-${nodeName}` : nodeName,
    checkServerIdentity: (_, certificate) => checkNodeIdentity(nodeName, certificate),
  });
  return {
    addressOf,
    tlsOptions,
    get(nodeName, path, signal) {
      const { host, port } = addressOf(nodeName);
      return new Promise((resolve, reject) => {
        const req = httpsRequest({ host, port, path, method: 'GET', agent, signal, ...tlsOptions(nodeName) }, resolve);
        req.on('error', (err) => reject(unreachable(`https://${host}:${port}${path}`, err)));
        req.end();
      });
    },
  };
}

/**
 * A kubelet is reached by address, and shows the name of its node: as the subject that its signer
 * gives it, or as a name of the host.
 */
function checkNodeIdentity(nodeName: string, certificate: PeerCertificate): Error | undefined {
  if (certificate.subject?.CN === `system:node:${nodeName}`) return undefined;
  return checkServerIdentity(nodeName, certificate);
}

function unreachable(url: string, err: Error): StatusError {
  const why = describeNetworkError(err, new URL(url).hostname);
  return new StatusError(500, '', `Get ${JSON.stringify(url)}: ${why}`, { cause: err });
}
