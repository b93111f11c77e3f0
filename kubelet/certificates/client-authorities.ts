// The authorities whose client certificates are accepted, read anew when their file changes. Upstream: the kubelet's
// dynamic certificates (ReloadKubeletClientCAFile).
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { followFile } from '../../host/follow-file.ts';
import type { ComponentContext } from '../../machinery/component.ts';

/** The authorities now; `trust` is told of others. What is no certificate is an error now, and later leaves them. */
export function followAuthorities(
  path: string,
  trust: (authorities: Buffer) => void,
  { clock, log, signal }: Pick<ComponentContext, 'clock' | 'log' | 'signal'>,
): Buffer {
  const read = () => {
    const pem = readFileSync(path);
    new X509Certificate(pem);
    return pem;
  };
  const first = read();
  let known = first;
  const look = () => {
    try {
      const next = read();
      if (next.equals(known)) return;
      trust(next);
      known = next;
      log.info({ path }, 'the authorities of clients were read anew');
    } catch (err) {
      log.error({ err, path }, 'the authorities of clients cannot be read; those that were known stay');
    }
  };
  signal.addEventListener('abort', followFile(path, look, { clock, log }));
  return first;
}
