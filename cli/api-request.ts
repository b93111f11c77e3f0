// Requests to a cluster's API server as its administrator, over HTTPS with the client certificate: the few that the
// command line itself makes.
import { readFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import type { Layout } from './layout.ts';
import { pkiFiles } from './pki/plan.ts';

interface Outgoing {
  method: 'GET' | 'POST' | 'PATCH';
  path: string;
  body?: object;
  contentType?: string;
}

/** Sends a request and resolves with the response as soon as its head is there. */
function send(
  layout: Layout,
  { method, path, body, contentType = 'application/json' }: Outgoing,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  const { ca, admin } = pkiFiles(layout);
  return new Promise((resolve, reject) => {
    const req = request(
      new URL(path, layout.apiUrl),
      {
        method,
        ca: readFileSync(`${ca}.crt`),
        cert: readFileSync(`${admin}.crt`),
        key: readFileSync(`${admin}.key`),
        headers: { accept: 'application/json', 'content-type': contentType, 'user-agent': 'k8ts' },
        agent: false,
        signal,
      },
      resolve,
    );
    req.once('error', reject);
    req.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

const get = (layout: Layout, path: string, signal: AbortSignal) => send(layout, { method: 'GET', path }, signal);

/** An answer that is not what was hoped for, in the server's own words where it has some. */
function refusal(what: string, response: IncomingMessage, text: string): Error {
  return new Error(`${what} answers ${response.statusCode}: ${statusMessageOf(text) ?? text.trim()}`);
}

function statusMessageOf(text: string): string | undefined {
  try {
    return (JSON.parse(text) as { message?: string }).message;
  } catch {
    return undefined; // not a Status: the text speaks for itself
  }
}

async function readText(response: IncomingMessage): Promise<string> {
  let text = '';
  for await (const piece of response.setEncoding('utf8')) text += piece;
  return text;
}

/** Undefined when the API server says that it is ready, else what it lacks. */
export async function probeReadyz(layout: Layout, signal: AbortSignal): Promise<string | undefined> {
  const response = await get(layout, '/readyz', signal);
  const text = await readText(response);
  return response.statusCode === 200 ? undefined : text.trim() || `/readyz answers ${response.statusCode}`;
}

/** Whether there is an object at a path. */
export async function isThere(layout: Layout, path: string, signal: AbortSignal): Promise<boolean> {
  const response = await get(layout, path, signal);
  await readText(response);
  return response.statusCode === 200;
}

/** Creates an object; one that is there already stays as it is. */
export async function createIfAbsent(
  layout: Layout,
  path: string,
  { body, signal }: { body: { metadata: { name: string } }; signal: AbortSignal },
): Promise<void> {
  // Asked first: a second Service of the same address is refused for its address before its name is looked at.
  if (await isThere(layout, `${path}/${body.metadata.name}`, signal)) return;
  const response = await send(layout, { method: 'POST', path, body }, signal);
  const text = await readText(response);
  const exists = response.statusCode === 409 && text.includes('"AlreadyExists"');
  if (response.statusCode !== 201 && !exists) throw refusal(`creating at ${path}`, response, text);
}

/** Makes an object what `body` says, whether it is there or not: what an older build made, too. */
export async function applyObject(
  layout: Layout,
  path: string,
  { body, signal }: { body: { metadata: { name: string } }; signal: AbortSignal },
): Promise<void> {
  const at = `${path}/${body.metadata.name}?fieldManager=k8ts&force=true`;
  const patch = { body, contentType: 'application/apply-patch+yaml' };
  const response = await send(layout, { method: 'PATCH', path: at, ...patch }, signal);
  const text = await readText(response);
  if (![200, 201].includes(response.statusCode ?? 0)) throw refusal(`applying ${at}`, response, text);
}

/** Puts labels on a node: its role is nothing that it may give itself. */
export async function labelNode(
  layout: Layout,
  name: string,
  { labels, signal }: { labels: Record<string, string>; signal: AbortSignal },
): Promise<void> {
  const path = `/api/v1/nodes/${name}`;
  const patch = { body: { metadata: { labels } }, contentType: 'application/merge-patch+json' };
  const response = await send(layout, { method: 'PATCH', path, ...patch }, signal);
  const text = await readText(response);
  if (response.statusCode !== 200) throw refusal(`labelling node ${name}`, response, text);
}

export interface Condition {
  type: string;
  status: string;
  reason?: string;
  message?: string;
  lastHeartbeatTime?: string;
}

export interface NodeSummary {
  metadata: { name: string };
  status?: { conditions?: Condition[] };
}

export async function listNodes(layout: Layout, signal: AbortSignal): Promise<NodeSummary[]> {
  const response = await get(layout, '/api/v1/nodes', signal);
  const text = await readText(response);
  if (response.statusCode !== 200) throw refusal('listing nodes', response, text);
  return (JSON.parse(text) as { items: NodeSummary[] }).items;
}

/** Yields the state of a node now, once it exists, and after every change, until the server ends the watch. */
export async function* watchNode(layout: Layout, name: string, signal: AbortSignal): AsyncGenerator<NodeSummary> {
  const selector = encodeURIComponent(`metadata.name=${name}`);
  const response = await get(layout, `/api/v1/nodes?watch=1&fieldSelector=${selector}`, signal);
  if (response.statusCode !== 200) throw new Error(`watching nodes answers ${response.statusCode}`);
  let rest = '';
  for await (const piece of response.setEncoding('utf8')) {
    const lines = (rest + piece).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines.filter((text) => text !== '')) {
      const { type, object } = JSON.parse(line) as { type: string; object: NodeSummary };
      if (type === 'ADDED' || type === 'MODIFIED') yield object;
    }
  }
}

/** Undefined when a node is ready, else its own words about why not. What it said before `sinceMs` does not count. */
export function whyNotReady(node: NodeSummary, sinceMs = 0): string | undefined {
  const ready = node.status?.conditions?.find((condition) => condition.type === 'Ready');
  const saidMs = Date.parse(ready?.lastHeartbeatTime ?? '') || 0;
  // Times in the API are in whole seconds.
  if (!ready || saidMs < Math.floor(sinceMs / 1000) * 1000) return `node ${node.metadata.name} has not reported yet`;
  return ready.status === 'True' ? undefined : (ready.message ?? ready.reason ?? 'it says that it is not ready');
}
