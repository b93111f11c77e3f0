// The clients that session affinity remembers are only in the kernel. A table that is replaced
// would forget them, so they are read before and written again with it.
import { tableName } from './ruleset.ts';

export interface RememberedClient {
  address: string;
  expiresSeconds: number;
}

/** Clients by set. */
export type RememberedClients = ReadonlyMap<string, readonly RememberedClient[]>;

/** What `nft` is asked, to read the answer with `readRememberedClients`. */
export const listSets = ['--json', 'list', 'sets', 'ip'];

interface ListedSet {
  name: string;
  table: string;
  elem?: { elem?: { val: string; expires?: number } }[];
}

export function readRememberedClients(listing: string): RememberedClients {
  const { nftables } = JSON.parse(listing) as { nftables: { set?: ListedSet }[] };
  const found = new Map<string, RememberedClient[]>();
  for (const { set } of nftables) {
    if (set?.table !== tableName) continue;
    const clients = (set.elem ?? []).flatMap(({ elem }) =>
      elem?.expires ? [{ address: elem.val, expiresSeconds: elem.expires }] : [],
    );
    if (clients.length > 0) found.set(set.name, clients);
  }
  return found;
}
