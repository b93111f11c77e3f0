// Long lists, read page by page.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { EtcdClient } from '../../apiserver/storage/etcd-client.ts';
import { defaultRoots, layoutOf, specFileOf } from '../../cli/layout.ts';
import { pkiFiles } from '../../cli/pki/plan.ts';
import { realClock } from '../../machinery/clock.ts';
import type { Space } from './cluster.ts';

export const total = 400;
const atOnce = 20;
const nameOf = (index: number) => `template-${String(index).padStart(4, '0')}`;

/** Creates them in the namespace of the test; gives their collection. */
export async function makeTemplates(space: Space): Promise<string> {
  const collection = space.path('/api/v1', 'podtemplates');
  const template = { spec: { containers: [{ name: 'test', image: 'test2' }] } };
  const left = Array.from({ length: total }, (_, index) => nameOf(index));
  const work = async () => {
    for (let name = left.pop(); name; name = left.pop()) {
      await space.ask('POST', collection, { body: { metadata: { name }, template } });
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  return collection;
}

interface Reading {
  limit: () => number;
  /** Token to go on from, and how many came before. */
  from?: string;
  at?: number;
}

/** Reads all pages: each says how many are left, of one moment, and no object is missing or comes twice. */
export async function readPages(
  space: Space,
  collection: string,
  { limit, from, at = 0 }: Reading,
): Promise<{ resourceVersion: string }> {
  let resourceVersion = '';
  let found = at;
  for (let token = from; token || found === at; ) {
    const size = limit();
    const query = token ? `limit=${size}&continue=${encodeURIComponent(token)}` : `limit=${size}`;
    const { items, metadata } = await space.get(`${collection}?${query}`);
    assert.equal(items.length, Math.min(size, total - found));
    resourceVersion ||= metadata.resourceVersion;
    assert.equal(metadata.resourceVersion, resourceVersion);
    for (const item of items) assert.equal(item.metadata.name, nameOf(found++));
    token = metadata.continue;
    assert.equal(metadata.remainingItemCount, token ? total - found : undefined);
  }
  assert.equal(found, total);
  return { resourceVersion };
}

/** Compacts the cluster's etcd up to now, as its API servers do after minutes. */
export async function forgetHistory(space: Space): Promise<void> {
  const name = space.node.replace(/-control-plane$/, '');
  const layout = layoutOf(JSON.parse(readFileSync(specFileOf(name, defaultRoots), 'utf8')));
  const { etcdClient, etcdCa } = pkiFiles(layout);
  const server = `https://127.0.0.1:${layout.ports.etcdClient}`;
  const [ca, cert, key] = [`${etcdCa}.crt`, `${etcdClient}.crt`, `${etcdClient}.key`].map((file) => readFileSync(file));
  const etcd = new EtcdClient({ servers: [server], tls: { ca: ca!, cert: cert!, key: key! } }, realClock);
  try {
    // Something has happened since: what was read before is older.
    await space.ask('POST', space.path('/api/v1', 'configmaps'), { body: { metadata: { name: 'later' } } });
    await etcd.compact(await etcd.currentRevision());
  } finally {
    etcd.close();
  }
}
