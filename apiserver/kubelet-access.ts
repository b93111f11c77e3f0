// How the API server reaches a node's kubelet: its address from the Node object, our client certificate.

import type { IncomingMessage } from 'node:http';
import { Agent, request as httpsRequest } from 'node:https';
import type { ConnectionOptions } from 'node:tls';
import { StatusError } from '../machinery/errors.ts';
import type { KindTable } from './registry/kind-table.ts';
import type { ObjectStore } from './storage/object-store.ts';

export interface KubeletTls {
  cert: Buffer;
  key: Buffer;
  ca: Buffer;
}

export interface KubeletAddress {
  host: string;
  port: number;
}

export interface KubeletAccess {
  /** Where the kubelet of a node listens; 404 for a node that does not exist. */
  addressOf(nodeName: string): KubeletAddress;
  /** Options that present our certificate and check the kubelet's. */
  tlsOptions(): ConnectionOptions;
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
  // The kubelet's certificate names its node, and is reached by address: the chain is checked, the name is not.
  const tlsOptions = (): ConnectionOptions => ({ ...tls, checkServerIdentity: () => undefined });
  return {
    addressOf,
    tlsOptions,
    get(nodeName, path, signal) {
      const { host, port } = addressOf(nodeName);
      return new Promise((resolve, reject) => {
        const req = httpsRequest({ host, port, path, method: 'GET', agent, signal, ...tlsOptions() }, resolve);
        req.on('error', (err) => reject(unreachable(nodeName, err)));
        req.end();
      });
    },
  };
}

function unreachable(nodeName: string, err: Error): StatusError {
  return new StatusError(500, 'InternalError', `error dialing backend: node ${nodeName}: ${err.message}`, {
    cause: err,
  });
}
