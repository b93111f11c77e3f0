// How a step asks a process of the machine itself for its health.
import { get } from 'node:http';

/** An answer of a server without TLS: whether it is 200, and its text. Lighter than fetch, which `up` would load for this alone. */
export function askHealth(
  at: { port: number; path: string } | { socketPath: string; path: string },
  signal: AbortSignal,
): Promise<{ ok: boolean; text: string }> {
  return new Promise((resolve, reject) => {
    const request = get({ ...at, host: '127.0.0.1', agent: false, signal }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (piece) => {
        text += piece;
      });
      response.once('end', () => resolve({ ok: response.statusCode === 200, text }));
      response.once('error', reject);
    });
    request.once('error', reject);
  });
}

/** Undefined when a component says that it is ready, else what it lacks. */
export async function probeReady(at: { port: number } | { socketPath: string }, signal: AbortSignal) {
  const { ok, text } = await askHealth({ ...at, path: '/readyz' }, signal);
  return ok ? undefined : text.trim();
}
