// Conversion of custom resources by a webhook: objects are sent with the version they are wanted in, and come back in
// it. A webhook may change labels and annotations, and nothing else of metadata.
// https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definition-versioning/#webhook-conversion
// Upstream: apiextensions-apiserver's apiserver/conversion/webhook_converter.go, whose error texts these are.
import { randomUUID } from 'node:crypto';
import type { CustomResourceDefinition } from '../../api/apiextensions/customresourcedefinition/schema.ts';
import { validateAnnotations, validateLabels } from '../../api/meta/validation.ts';
import { internalError } from '../../machinery/errors.ts';
import { showError } from '../../machinery/field-error.ts';
import { goQuote } from '../../machinery/go-quote.ts';
import { isObject } from '../../machinery/json.ts';
import { parseApiVersion } from '../../machinery/kind.ts';
import type { KubeObject, ObjectMeta } from '../../machinery/metadata.ts';
import { s } from '../../machinery/schema.ts';
import { status } from '../protobuf/meta-messages.ts';
import { decodeAnswer, type WebhookClient, WebhookError } from '../webhook-client.ts';
import type { Converter } from './conversion.ts';

const timeoutSeconds = 30;
const reviewGroup = 'apiextensions.k8s.io';
const known = ['v1', 'v1beta1'];

export function webhookConverter(client: Pick<WebhookClient, 'post'>): Converter {
  return async (definition, objects, apiVersion) => {
    const { clientConfig, conversionReviewVersions = [] } = definition.spec.conversion?.webhook ?? {};
    const version = conversionReviewVersions.find((one) => known.includes(one)) ?? 'v1';
    const fail = (why: string, cause?: unknown) =>
      internalError(`conversion webhook for ${describeKind(definition, objects[0]!)} ${why}`, cause);
    const uid = randomUUID();
    const review = {
      kind: 'ConversionReview',
      apiVersion: `${reviewGroup}/${version}`,
      request: { uid, desiredAPIVersion: apiVersion, objects },
    };
    try {
      const answer = await client.post(clientConfig ?? {}, timeoutSeconds, review);
      return readConverted(answer, { uid, version, apiVersion, objects });
    } catch (err) {
      if (err instanceof WebhookError) throw fail(`failed: ${err.message}`, err);
      if (err instanceof AnswerProblem) throw fail(err.message, err);
      throw err;
    }
  };
}

/** `example.com/v1, Kind=Widget` */
function describeKind({ spec }: CustomResourceDefinition, { apiVersion = '' }: KubeObject): string {
  const { group, version } = parseApiVersion(apiVersion);
  return `${group}/${version}, Kind=${spec.names.kind}`;
}

class AnswerProblem extends Error {}

interface Asked {
  uid: string;
  version: string;
  apiVersion: string;
  objects: readonly KubeObject[];
}

const text = s.string('');
/** Without the objects, which may be anything. */
const reviewSchema = s.object('ConversionReview', '', {
  kind: text,
  apiVersion: text,
  response: s.object('ConversionResponse', '', { uid: text, result: status }),
});

/** Throws AnswerProblem, and WebhookError as of no answer. */
function readConverted(answer: unknown, { uid, version, apiVersion, objects }: Asked): KubeObject[] {
  const broken = (why: string) => new AnswerProblem(`failed: ${why}`);
  const { kind = '', apiVersion: spoken = '', response } = decodeAnswer(reviewSchema, answer);
  if (kind !== 'ConversionReview' || spoken !== `${reviewGroup}/${version}`) {
    const given = kind || spoken ? `${spoken}, Kind=${kind}` : '/, Kind=';
    throw broken(`expected webhook response of ${reviewGroup}/${version}, Kind=ConversionReview, got ${given}`);
  }
  if (!response) throw broken('no response provided');
  if (response.uid !== uid) {
    throw broken(`expected response.uid=${goQuote(uid)}, got ${goQuote(response.uid ?? '')}`);
  }
  const { status: outcome = '', message } = response.result ?? {};
  if (outcome !== 'Success') throw broken(message || `response.result.status was '${outcome}', not 'Success'`);
  const { convertedObjects } = (answer as { response: { convertedObjects?: unknown } }).response;
  const converted: unknown[] = Array.isArray(convertedObjects) ? convertedObjects : [];
  if (converted.length !== objects.length) {
    throw new AnswerProblem(`returned ${converted.length} objects, expected ${objects.length}`);
  }
  return converted.map((object, i) => restore(object, objects[i]!, { apiVersion, index: i }));
}

const shown = (value: unknown) => (typeof value === 'string' ? value : '');

/** The converted object with the metadata of the one that was sent. */
function restore(
  converted: unknown,
  original: KubeObject,
  { apiVersion, index }: { apiVersion: string; index: number },
): KubeObject {
  const refuse = (why: string) => new AnswerProblem(`returned invalid converted object at index ${index}: ${why}`);
  if (!isObject(converted)) throw refuse('it is no object');
  if (converted.apiVersion !== apiVersion) {
    throw refuse(`invalid groupVersion (expected ${apiVersion}, received ${shown(converted.apiVersion)})`);
  }
  if (converted.kind !== original.kind) {
    throw refuse(`invalid kind (expected ${original.kind}, received ${shown(converted.kind)})`);
  }
  const { metadata } = converted;
  if (!isObject(metadata)) throw refuse('metadata is missing');
  const { labels: _l, annotations: _a, ...sent } = original.metadata;
  for (const key of ['name', 'namespace', 'uid'] as const) {
    if (shown(metadata[key]) !== (sent[key] ?? '')) throw refuse(`metadata.${key} may not be changed`);
  }
  const kept: ObjectMeta = { ...sent };
  for (const [field, validate] of [
    ['labels', validateLabels],
    ['annotations', validateAnnotations],
  ] as const) {
    const texts = metadata[field];
    if (texts === undefined || texts === null) continue;
    if (!isTexts(texts)) throw refuse(`metadata.${field} is no map of strings`);
    const errors = validate(texts, `metadata.${field}`);
    if (errors.length > 0) throw refuse(errors.map(showError).join(', '));
    kept[field] = texts;
  }
  return { ...converted, metadata: kept } as KubeObject;
}

const isTexts = (value: unknown): value is Record<string, string> =>
  isObject(value) && Object.values(value).every((one) => typeof one === 'string');
