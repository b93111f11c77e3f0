// What is written down of one request, stage by stage. Upstream: apiserver's audit filter and event.
import type { Clock } from '../../machinery/clock.ts';
import type { StatusBody } from '../../machinery/errors.ts';
import { goJson } from '../../machinery/go-json.ts';
import { isObject } from '../../machinery/json.ts';
import type { Logger } from '../../machinery/log.ts';
import { microTimestamp } from '../../machinery/timestamp.ts';
import type { UserInfo } from '../authn/user.ts';
import type { RequestInfo } from '../request-info.ts';
import type { AuditLog } from './log-file.ts';
import { type AuditDecision, type AuditPolicy, decide, type Stage } from './policy.ts';

export interface AuditDeps {
  policy: AuditPolicy;
  log: AuditLog;
  clock: Clock;
  logger: Logger;
  /** Counts events, and those that could not be written. */
  count(what: 'event' | 'error'): void;
  /** Counts what is written of requests. */
  countLevel?(level: string): void;
}

/** A request as it is written down. */
export interface AuditedRequest {
  auditId: string;
  info: RequestInfo;
  url: string;
  sourceIPs: string[];
  userAgent: string;
}

const nobody: AuditDecision = { level: 'None', omitStages: new Set(), omitManagedFields: false };

export class AuditTrail {
  readonly #deps: AuditDeps;
  readonly #request: AuditedRequest;
  readonly #receivedMs: number;
  #decision = nobody;
  #user: UserInfo | undefined;
  #impersonated: UserInfo | undefined;
  #constraint: string | undefined;
  #requestObject: unknown;
  #responseObject: unknown;
  readonly #annotations: Record<string, string> = {};
  #name = '';
  #isOver = false;

  constructor(deps: AuditDeps, request: AuditedRequest) {
    this.#deps = deps;
    this.#request = request;
    this.#receivedMs = deps.clock.now();
  }

  get wantsRequest(): boolean {
    return this.#decision.level === 'Request' || this.wantsResponse;
  }

  get wantsResponse(): boolean {
    return this.#decision.level === 'RequestResponse';
  }

  /** Filled by those who judge the request; undefined: nobody reads it. */
  get annotations(): Record<string, string> | undefined {
    return this.#decision.level === 'None' ? undefined : this.#annotations;
  }

  /** Who sent it; undefined: credentials that prove nothing. */
  identified(user: UserInfo | undefined): void {
    this.#user = user;
    this.#decision = decide(this.#deps.policy, this.#request.info, user ?? { username: '', groups: [] });
    this.#deps.countLevel?.(this.#decision.level);
    // Of a sender who is nobody the refusal is all there is.
    if (user) this.#write('RequestReceived');
  }

  /** `constraint`: the verb that allowed it for this request alone. */
  actsAs(user: UserInfo, constraint?: string): void {
    this.#impersonated = user;
    this.#constraint = constraint;
  }

  /** The first decision is that on the request; what it leads to may ask for more. */
  decided(allowed: boolean, reason: string): void {
    this.#annotations['authorization.k8s.io/decision'] ??= allowed ? 'allow' : 'forbid';
    this.#annotations['authorization.k8s.io/reason'] ??= reason;
  }

  received(object: unknown): void {
    this.#requestObject = object;
  }

  answered(object: unknown): void {
    this.#responseObject = object;
  }

  /** The object that was made, where the path did not name it. */
  names(name: string): void {
    this.#name = name;
  }

  /** The head of a long answer is out. */
  started(code: number): void {
    this.#write('ResponseStarted', { metadata: {}, code });
  }

  /** Nothing comes after it. */
  completed(code: number, status?: StatusBody): void {
    if (this.#isOver) return;
    if (!this.#user) this.identified(undefined);
    this.#isOver = true;
    if (status && this.wantsResponse) this.#responseObject = status;
    this.#write(this.#user ? 'ResponseComplete' : 'ResponseStarted', statusOf(code, status));
  }

  /** The server itself failed. */
  panicked(status: StatusBody): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#write('Panic', statusOf(500, status));
  }

  #write(stage: Stage, responseStatus?: object): void {
    const { level, omitStages } = this.#decision;
    if (level === 'None' || omitStages.has(stage)) return;
    const isOver = stage !== 'RequestReceived';
    const { auditId, info, url, sourceIPs, userAgent } = this.#request;
    const event = {
      kind: 'Event',
      apiVersion: 'audit.k8s.io/v1',
      level,
      auditID: auditId,
      stage,
      requestURI: url,
      verb: info.verb,
      user: userOf(this.#user),
      ...(this.#impersonated && { impersonatedUser: userOf(this.#impersonated) }),
      ...(this.#constraint && { authenticationMetadata: { impersonationConstraint: this.#constraint } }),
      sourceIPs,
      ...(userAgent && { userAgent }),
      ...(info.isResource && { objectRef: this.#objectRef() }),
      ...(responseStatus && { responseStatus }),
      ...(isOver && this.#requestObject !== undefined && { requestObject: this.#shown(this.#requestObject) }),
      ...(isOver && this.#responseObject !== undefined && { responseObject: this.#shown(this.#responseObject) }),
      requestReceivedTimestamp: microTimestamp(this.#receivedMs),
      stageTimestamp: microTimestamp(this.#deps.clock.now()),
      ...(isOver && Object.keys(this.#annotations).length > 0 && { annotations: { ...this.#annotations } }),
    };
    try {
      this.#deps.log.write(goJson(event));
      this.#deps.count('event');
    } catch (err) {
      this.#deps.count('error');
      this.#deps.logger.error({ err, auditId }, 'an audit event cannot be written');
    }
  }

  #objectRef(): object {
    const { resource, namespace, name, group, version, subresource } = this.#request.info;
    const sent = isObject(this.#requestObject) && isObject(this.#requestObject.metadata) ? this.#requestObject : {};
    const metadata = (sent as { metadata?: Record<string, string> }).metadata ?? {};
    const named = name || metadata.name || this.#name;
    return {
      resource,
      ...(namespace && { namespace }),
      ...(named && { name: named }),
      ...(metadata.uid && { uid: metadata.uid }),
      ...(group && { apiGroup: group }),
      apiVersion: version,
      ...(metadata.resourceVersion && { resourceVersion: metadata.resourceVersion }),
      ...(subresource && { subresource }),
    };
  }

  #shown(object: unknown): unknown {
    if (!this.#decision.omitManagedFields || !isObject(object)) return object;
    const items = object.items;
    return { ...withoutManagers(object), ...(Array.isArray(items) && { items: items.map(withoutManagers) }) };
  }
}

function withoutManagers(object: unknown): object {
  if (!isObject(object) || !isObject(object.metadata)) return object as object;
  const { managedFields: _, ...metadata } = object.metadata;
  return { ...object, metadata };
}

const userOf = (user: UserInfo | undefined) =>
  user
    ? {
        ...(user.username && { username: user.username }),
        ...(user.uid && { uid: user.uid }),
        ...(user.groups.length > 0 && { groups: user.groups }),
        ...(user.extra && { extra: user.extra }),
      }
    : {};

function statusOf(code: number, status?: StatusBody): object {
  if (!status) return { metadata: {}, code };
  const { message, reason, details } = status;
  return {
    metadata: {},
    status: status.status,
    ...(message && { message }),
    ...(reason && { reason }),
    ...(details && { details }),
    code,
  };
}
