// Many calls in growing batches: the first failure shows after one call and not after five hundred.
// Upstream: slowStartBatch in pkg/controller.

/** Calls `fn` `count` times, in batches of 1, 2, 4, ...; stops after a batch with a failure. */
export async function slowStart(
  count: number,
  fn: (index: number) => Promise<unknown>,
): Promise<{ successes: number; error?: unknown }> {
  let done = 0;
  let successes = 0;
  for (let size = 1; done < count; size *= 2) {
    const batch = Math.min(size, count - done);
    const start = done;
    const results = await Promise.allSettled(Array.from({ length: batch }, (_, i) => fn(start + i)));
    done += batch;
    const failed = results.find((r) => r.status === 'rejected');
    successes += results.filter((r) => r.status === 'fulfilled').length;
    if (failed) return { successes, error: failed.reason };
  }
  return { successes };
}
