// HTTPS that asks clients for a certificate. Which are good is read from kube-system/extension-apiserver-authentication:
// until the API server has said it, none are. Upstream: the secure serving of k8s.io/apiserver.
import type { IncomingMessage } from 'node:http';
import { createServer, type Server } from 'node:https';
import { type ConfigMap, ConfigMapKind } from '../../api/core/configmap.ts';
import { headersOf } from '../../machinery/component.ts';
import { internalError, messageOf, StatusError } from '../../machinery/errors.ts';
import type { Logger } from '../../machinery/log.ts';
import { jsonAnswer, type PageAnswer } from '../../machinery/zpages.ts';
import type { InformerFactory } from '../informer-factory.ts';

const timeouts = { handshakeTimeout: 10_000, headersTimeout: 30_000, requestTimeout: 30_000 };
const trust = { namespace: 'kube-system', fieldSelector: 'metadata.name=extension-apiserver-authentication' };

interface SecureDeps {
  tls: { cert: string; key: string };
  log: Logger;
  informers: Pick<InformerFactory, 'informer'>;
  /** The authority of clients (PEM) by what the ConfigMap says; without one nobody is known by a certificate. */
  authorityOf(data: ConfigMap['data']): string | undefined;
}

/** Makes a server; it listens to nothing yet. What `answer` throws is answered as a Status. */
export function makeSecureServer(
  { tls, log, informers, authorityOf }: SecureDeps,
  answer: (request: IncomingMessage) => Promise<PageAnswer>,
): Server {
  const server = createServer({ ...tls, ...timeouts, requestCert: true, rejectUnauthorized: false });
  informers.informer(ConfigMapKind, trust).onChange((map) => {
    try {
      const ca = authorityOf(map?.data);
      server.setSecureContext({ ...tls, ...(ca ? { ca } : {}) });
    } catch (err) {
      log.error({ err }, 'the authority of clients cannot be read');
    }
  });
  server.on('request', async (request, response) => {
    const { code, text, ...rest } = await answer(request).catch((err) => {
      if (!(err instanceof StatusError)) log.warn({ err }, 'a request could not be answered');
      const known = err instanceof StatusError ? err : internalError(messageOf(err), err);
      return jsonAnswer(known.toStatus(), known.code);
    });
    response.writeHead(code, { ...headersOf(rest), 'content-length': Buffer.byteLength(text) }).end(text);
  });
  return server;
}
