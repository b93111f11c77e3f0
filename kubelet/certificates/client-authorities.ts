// The authorities whose client certificates are accepted, read anew when their file changes. Upstream: the kubelet's
// dynamic certificates (ReloadKubeletClientCAFile).
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { followContents } from '../../host/follow-file.ts';
import type { ComponentContext } from '../../machinery/component.ts';

/** The authorities now; `trust` is told of others. What is no certificate is an error now, and later leaves them. */
export function followAuthorities(
  path: string,
  trust: (authorities: Buffer) => void,
  { clock, log, signal }: Pick<ComponentContext, 'clock' | 'log' | 'signal'>,
): Buffer {
  const first = readFileSync(path);
  new X509Certificate(first);
  const use = ([pem]: Buffer[]) => {
    new X509Certificate(pem!);
    trust(pem!);
  };
  signal.addEventListener('abort', followContents({ paths: [path], known: [first] }, use, { clock, log }));
  return first;
}
