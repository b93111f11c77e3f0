// Configuration files that are read again when they change, without a restart. What cannot be used is told and counted,
// and what was in force stays. Upstream: filesystem.WatchUntil and the metrics of server/options.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import type { Registry } from 'prom-client';
import { followFiles } from '../host/follow-file.ts';
import type { Clock } from '../machinery/clock.ts';
import { ConfigFileError } from '../machinery/config-file.ts';
import { metricsIn } from '../machinery/hot-metrics.ts';
import type { Logger } from '../machinery/log.ts';
import { identityName } from './bootstrap/identity-lease.ts';

export interface ReloadedFile {
  what: 'authentication' | 'authorization' | 'encryption';
  path: string;
  /**
   * Puts what the text says in the place of what was. Throws ConfigFileError for a text that will never do, and anything
   * else for one that may do later.
   */
  use(text: string): void | Promise<void>;
}

interface ReloadDeps {
  clock: Clock;
  log: Logger;
  metrics: Registry;
}

const hashOf = (text: string) => `sha256:${createHash('sha256').update(text).digest('hex')}`;

function reloadMetrics(what: ReloadedFile['what'], clock: Clock, registry: Registry) {
  const server = hashOf(identityName(hostname()));
  const { counter, gauge, seen } = metricsIn(registry, `apiserver_${what}_config_controller_`);
  const labelNames = ['status', 'apiserver_id_hash'];
  const total = counter(
    'automatic_reloads_total',
    `Times that the ${what} configuration was read anew, by outcome.`,
    labelNames,
  );
  const last = gauge(
    'automatic_reload_last_timestamp_seconds',
    `When the ${what} configuration was last read anew, by outcome.`,
    labelNames,
  );
  let hash = '';
  const help = `The hash of the ${what} configuration that is in force.`;
  seen('gauge', ['last_config_info', help, ['apiserver_id_hash', 'hash']], () => [[[server, hash], 1]]);
  return {
    inForce(text: string) {
      hash = hashOf(text);
    },
    count(status: 'success' | 'failure') {
      total.of(status, server).value++;
      last.of(status, server).value = clock.now() / 1000;
    },
  };
}

/** Follows a file that has been read just now. Returns how to stop. */
export function followConfigFile({ what, path, use }: ReloadedFile, { clock, log, metrics }: ReloadDeps): () => void {
  const counts = reloadMetrics(what, clock, metrics);
  let known = readFileSync(path, 'utf8');
  counts.inForce(known);
  // As upstream: to begin with is counted there, and there alone.
  if (what === 'authorization') counts.count('success');
  const checkNow = async () => {
    let text: string | undefined;
    try {
      text = readFileSync(path, 'utf8');
      if (text === known) return;
      await use(text);
      known = text;
      counts.inForce(text);
      counts.count('success');
      log.info({ path }, `the ${what} configuration was read anew`);
    } catch (err) {
      if (text !== undefined && err instanceof ConfigFileError) known = text;
      counts.count('failure');
      log.error({ err, path }, `the ${what} configuration cannot be used; what was in force stays`);
    }
  };
  return followFiles([path], checkNow, { clock, log });
}
