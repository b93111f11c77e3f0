// A request for an aggregated server goes on to it as it came, with who is asking in headers of ours; the answer comes
// back as it is, also one that goes on for long. Upstream: kube-aggregator's proxy handler.
import type { IncomingMessage } from 'node:http';
import type { APIServiceSpec } from '../../api/apiregistration/apiservice.ts';
import { ask } from '../../host/http-exchange.ts';
import { StatusError } from '../../machinery/errors.ts';
import type { UserInfo } from '../authn/user.ts';
import type { FrontRequest, FrontResponse } from '../http/front.ts';
import { answerBack, headersOnward } from '../server-headers.ts';
import { describeFailure } from '../webhook-client.ts';
import { asHeaderBytes, identityHeaders, isIdentityHeader, type RemoteClient } from './remote.ts';

/** A plain text, as net/http's Error gives it. */
const textAnswer = (code: number, text: string): FrontResponse => ({
  code,
  headers: { 'content-type': 'text/plain; charset=utf-8', 'x-content-type-options': 'nosniff' },
  body: `${text}\n`,
});

export const unavailable = (): FrontResponse => textAnswer(503, 'service unavailable');

/** Sends a request on. Resolves once the answer began, or with the answer where there is no other. */
export async function relayTo(
  client: RemoteClient,
  spec: APIServiceSpec,
  front: FrontRequest,
  user: UserInfo,
): Promise<FrontResponse | undefined> {
  let target: ReturnType<RemoteClient['optionsOf']>;
  try {
    target = client.optionsOf(spec);
  } catch (err) {
    if (err instanceof StatusError) return unavailable();
    throw err;
  }
  const abort = new AbortController();
  front.raw.on('close', () => abort.abort());
  const isRead = front.method === 'GET' || front.method === 'HEAD';
  const options = {
    ...target,
    method: front.method,
    path: front.url,
    headers: {
      ...headersOnward(front.headers, front.socket?.remoteAddress, isIdentityHeader),
      host: client.urlOf(target, '').slice('https://'.length),
      ...asHeaderBytes(identityHeaders(user)),
    },
    signal: abort.signal,
    // A kept connection may have ended on the other side: only what reads can be sent once more.
    agent: isRead ? client.agent : (false as const),
  };
  try {
    const answer = await ask(options, (out) => (isRead ? out.end() : front.body.pipeTo(out)), isRead);
    giveBack(answer, front);
  } catch (err) {
    return textAnswer(503, describeFailure(err, new URL(client.urlOf(target, '/'))));
  }
}

function giveBack(answer: IncomingMessage, front: FrontRequest): void {
  const { code, headers } = answerBack(answer);
  front.raw.writeHead(code, headers);
  // The first event of a watch may be long in coming.
  front.raw.flushHeaders?.();
  // An answer that broke off must not look like a whole one.
  answer.on('error', () => front.raw.destroy());
  answer.pipe(front.raw);
}
