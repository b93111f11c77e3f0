// Requests to a cluster's API server as its administrator, over HTTPS with the client certificate: the few that the
// command line itself makes.
import { readFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import type { Layout } from './layout.ts';
import { pkiFiles } from './pki/plan.ts';

/** Which cluster is asked, and until when an answer is waited for. */
export interface Asking {
  layout: Layout;
  signal: AbortSignal;
}

export const nodesPath = '/api/v1/nodes';

type Named = { metadata: { name: string } };

const merge = 'application/merge-patch+json';
const apply = 'application/apply-patch+yaml';

/** Sends a request and resolves with the response as soon as its head is there. */
function send(
  { layout, signal }: Asking,
  {
    method = 'GET',
    path,
    body,
    type = 'application/json',
  }: { method?: string; path: string; body?: object; type?: string },
): Promise<IncomingMessage> {
  const { ca, admin } = pkiFiles(layout);
  const headers = { accept: 'application/json', 'content-type': type, 'user-agent': 'k8ts' };
  const tls = { ca: readFileSync(`${ca}.crt`), cert: readFileSync(`${admin}.crt`), key: readFileSync(`${admin}.key`) };
  return new Promise((resolve, reject) => {
    const req = request(new URL(path, layout.apiUrl), { method, ...tls, headers, agent: false, signal }, resolve);
    req.once('error', reject);
    req.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

/** Sends a request and resolves with the whole answer. */
async function ask(asking: Asking, asked: Parameters<typeof send>[1]): Promise<{ status: number; text: string }> {
  const response = await send(asking, asked);
  let text = '';
  for await (const piece of response.setEncoding('utf8')) text += piece;
  return { status: response.statusCode ?? 0, text };
}

/** An answer that is not what was hoped for, in the server's own words where it has some. */
function refusal(what: string, { status, text }: { status: number; text: string }): Error {
  return new Error(`${what} answers ${status}: ${statusMessageOf(text) ?? text.trim()}`);
}

function statusMessageOf(text: string): string | undefined {
  try {
    return (JSON.parse(text) as { message?: string }).message;
  } catch {
    return undefined; // not a Status: the text speaks for itself
  }
}

/** Undefined when the API server says that it is ready, else what it lacks. */
export async function probeReadyz(layout: Layout, signal: AbortSignal): Promise<string | undefined> {
  const { status, text } = await ask({ layout, signal }, { path: '/readyz' });
  return status === 200 ? undefined : text.trim() || `/readyz answers ${status}`;
}

/** Whether there is an object at a path. */
export async function isThere(asking: Asking, path: string): Promise<boolean> {
  return (await ask(asking, { path })).status === 200;
}

/** Creates an object; one that is there already stays as it is. Returns whether it was made now. */
export async function createIfAbsent(asking: Asking, path: string, body: Named): Promise<boolean> {
  const answer = await ask(asking, { method: 'POST', path, body });
  if (answer.status === 201) return true;
  // Not only by "AlreadyExists": a second Service of the same address is refused for its address.
  if (await isThere(asking, `${path}/${body.metadata.name}`)) return false;
  throw refusal(`creating at ${path}`, answer);
}

/** Makes an object what `body` says, whether it is there or not: what an older build made, too. */
export async function applyObject(asking: Asking, path: string, body: Named): Promise<void> {
  const at = `${path}/${body.metadata.name}?fieldManager=k8ts&force=true`;
  const answer = await ask(asking, { method: 'PATCH', path: at, body, type: apply });
  if (![200, 201].includes(answer.status)) throw refusal(`applying ${at}`, answer);
}

/** Puts labels on a node: its role is nothing that it may give itself. */
export async function labelNode(asking: Asking, name: string, labels: Record<string, string>): Promise<void> {
  const body = { metadata: { labels } };
  const answer = await ask(asking, { method: 'PATCH', path: `${nodesPath}/${name}`, body, type: merge });
  if (answer.status !== 200) throw refusal(`labelling node ${name}`, answer);
}

export interface Condition {
  type: string;
  status: string;
  reason?: string;
  message?: string;
  lastHeartbeatTime?: string;
}

/** What is read of an object that has conditions. */
export interface Summary {
  metadata: { name: string };
  status?: { conditions?: Condition[] };
}

export async function listNodes(layout: Layout, signal: AbortSignal): Promise<Summary[]> {
  const answer = await ask({ layout, signal }, { path: nodesPath });
  if (answer.status !== 200) throw refusal('listing nodes', answer);
  return (JSON.parse(answer.text) as { items: Summary[] }).items;
}

/** Yields the state of an object now, once it exists, and after every change, until the server ends the watch. */
export async function* watchObject(asking: Asking, path: string, name: string): AsyncGenerator<Summary> {
  const selector = encodeURIComponent(`metadata.name=${name}`);
  const response = await send(asking, { path: `${path}?watch=1&fieldSelector=${selector}` });
  if (response.statusCode !== 200) throw new Error(`watching ${path} answers ${response.statusCode}`);
  let rest = '';
  for await (const piece of response.setEncoding('utf8')) {
    const lines = (rest + piece).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines.filter((text) => text !== '')) {
      const { type, object } = JSON.parse(line) as { type: string; object: Summary };
      if (type === 'ADDED' || type === 'MODIFIED') yield object;
    }
  }
}

/** Undefined when a node is ready, else its own words about why not. What it said before `sinceMs` does not count. */
export function whyNotReady(node: Summary, sinceMs = 0): string | undefined {
  const ready = node.status?.conditions?.find((condition) => condition.type === 'Ready');
  const saidMs = Date.parse(ready?.lastHeartbeatTime ?? '') || 0;
  // Times in the API are in whole seconds.
  if (!ready || saidMs < Math.floor(sinceMs / 1000) * 1000) return `node ${node.metadata.name} has not reported yet`;
  return ready.status === 'True' ? undefined : (ready.message ?? ready.reason ?? 'it says that it is not ready');
}
