// Auditing as the server has it: a trail for each request, or, without a policy and a log, nothing at all.
import type { Registry } from 'prom-client';
import { readConfigFile } from '../../host/config-file.ts';
import type { Clock } from '../../machinery/clock.ts';
import { metricsIn } from '../../machinery/hot-metrics.ts';
import type { Logger } from '../../machinery/log.ts';
import { readYaml } from '../../machinery/yaml-reader.ts';
import { baseType, isYaml, parseBody } from '../endpoints/body.ts';
import type { ApiRequest } from '../endpoints/exchange.ts';
import type { FrontRequest } from '../http/front.ts';
import type { RequestInfo } from '../request-info.ts';
import { one } from '../server-headers.ts';
import { type LogFileOptions, openAuditLog } from './log-file.ts';
import { auditPolicyForm } from './policy.ts';
import { type AuditDeps, AuditTrail } from './trail.ts';

export interface Audit {
  begin(front: Pick<FrontRequest, 'url' | 'headers' | 'socket'>, info: RequestInfo, auditId: string): AuditTrail;
}

export function auditWith(deps: AuditDeps): Audit {
  return {
    begin: ({ url, headers, socket }, info, auditId) =>
      new AuditTrail(deps, {
        auditId,
        info,
        url,
        sourceIPs: sourcesOf(headers, socket?.remoteAddress),
        userAgent: one(headers['user-agent']) ?? '',
      }),
  };
}

/** Throws ConfigFileError for a policy that is none, and what the file system says of the log. */
export function startAudit(
  options: { policyFile: string; log: LogFileOptions },
  deps: { clock: Clock; logger: Logger; metrics: Registry },
): Audit {
  const { counter } = metricsIn(deps.metrics, 'apiserver_audit_');
  const events = counter('event_total', 'Audit events written.');
  const errors = counter('error_total', 'Audit events that could not be written.', ['plugin']);
  const levels = counter('level_total', 'Requests, by how much of them is written down.', ['level']);
  return auditWith({
    countLevel: (level) => void levels.of(level).value++,
    policy: readConfigFile(options.policyFile, auditPolicyForm),
    log: openAuditLog(options.log, deps.clock),
    clock: deps.clock,
    logger: deps.logger,
    count: (what) => void (what === 'event' ? events.of() : errors.of('log')).value++,
  });
}

/** Who sent the request, and whom it came through; the last is who is connected. */
function sourcesOf(headers: FrontRequest['headers'], remote: string | undefined): string[] {
  const named = [one(headers['x-forwarded-for']), one(headers['x-real-ip'])]
    .flatMap((text) => text?.split(',') ?? [])
    .map((text) => text.trim());
  const peer = remote?.replace(/^::ffff:/, '');
  return [...new Set([...named, ...(peer ? [peer] : [])])].filter((text) => /^[0-9a-fA-F.:]+$/.test(text));
}

/** A body as it was sent, as JSON; undefined for one that cannot be read: the verb says why. */
export function auditedBody(request: ApiRequest): unknown {
  const { body, contentType, kind, version } = request;
  if (body.length === 0) return undefined;
  try {
    if (isYaml(contentType)) return readYaml(body.toString()).value;
    if (!baseType(contentType).endsWith('protobuf')) return JSON.parse(body.toString());
    if (request.info.verb !== 'create' && request.info.verb !== 'update') return undefined;
    return parseBody(request, { kind: kind.kind, schema: version.schema }).value;
  } catch {
    return undefined;
  }
}
