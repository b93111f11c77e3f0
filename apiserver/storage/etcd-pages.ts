// Reads long ranges page by page: while one page is worked on, the next is on its way.
import type { Etcd, EtcdEntry, EtcdPage } from './etcd.ts';

const firstEntries = 500;
/** As kube-apiserver reads at most at once. */
const maxEntries = 10_000;
/** What a page should take; how large entries are is seen from the page before. */
const pageBytes = 2 * 1024 * 1024;

function entriesAfter(entries: readonly EtcdEntry[]): number {
  const bytes = entries.reduce((sum, { value }) => sum + value.length, 1);
  return Math.min(maxEntries, Math.max(1, Math.floor((pageBytes * entries.length) / bytes)));
}

interface Range {
  /** 0: as many as there are. */
  limit: number;
  /** 0: now; every page is of the revision of the first. */
  revision: number;
}

/** The keys from `from` (inclusive) to `to` (exclusive), in order, of one revision. Throws CompactedError. */
export async function* pagesOf(
  etcd: Pick<Etcd, 'range'>,
  from: string,
  to: string,
  { limit, revision }: Range,
): AsyncGenerator<EtcdPage, void> {
  let left = limit > 0 ? limit : Number.POSITIVE_INFINITY;
  let next = etcd.range(from, to, { limit: Math.min(left, firstEntries), revision });
  for (;;) {
    const page = await next;
    const last = page.entries[page.entries.length - 1];
    left -= page.entries.length;
    const goesOn = page.more && last !== undefined && left > 0;
    if (goesOn) {
      const options = { limit: Math.min(left, entriesAfter(page.entries)), revision: revision || page.revision };
      next = etcd.range(`${last.key}\0`, to, options);
      next.catch(() => undefined); // whoever waits for it is told
    }
    yield page;
    if (!goesOn) return;
  }
}
