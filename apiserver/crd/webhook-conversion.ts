// Conversion of custom resources by a webhook: objects are sent with the version they are wanted in, and come back in
// it. A webhook may change labels and annotations, and nothing else of metadata.
// https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definition-versioning/#webhook-conversion
// Upstream: apiextensions-apiserver's apiserver/conversion/webhook_converter.go, whose error texts these are.
import { randomUUID } from 'node:crypto';
import type { CustomResourceDefinition } from '../../api/apiextensions/customresourcedefinition/schema.ts';
import { internalError } from '../../machinery/errors.ts';
import { isObject } from '../../machinery/json.ts';
import { parseApiVersion } from '../../machinery/kind.ts';
import type { KubeObject, ObjectMeta } from '../../machinery/metadata.ts';
import { type WebhookClient, WebhookError } from '../webhook-client.ts';
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
    let answer: unknown;
    try {
      answer = await client.post(clientConfig ?? {}, timeoutSeconds, review);
    } catch (err) {
      if (err instanceof WebhookError) throw fail(`failed: ${err.message}`, err);
      throw err;
    }
    try {
      return readConverted(answer, { uid, version, apiVersion, objects });
    } catch (err) {
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

function readConverted(answer: unknown, { uid, version, apiVersion, objects }: Asked): KubeObject[] {
  const broken = (why: string) => new AnswerProblem(`failed: ${why}`);
  if (!isObject(answer) || answer.kind !== 'ConversionReview')
    throw broken('expected a ConversionReview in the answer');
  if (answer.apiVersion !== `${reviewGroup}/${version}`) {
    throw broken(`expected webhook response of ${reviewGroup}/${version}, got ${String(answer.apiVersion)}`);
  }
  const { response } = answer;
  if (!isObject(response)) throw broken('no response provided');
  if (response.uid !== uid) {
    throw broken(`expected response.uid=${JSON.stringify(uid)}, got ${JSON.stringify(response.uid ?? '')}`);
  }
  const result = isObject(response.result) ? response.result : {};
  if (result.status !== 'Success') throw broken(String(result.message ?? 'failed, but no message was given'));
  const converted = Array.isArray(response.convertedObjects) ? response.convertedObjects : [];
  if (converted.length !== objects.length) {
    throw new AnswerProblem(`returned ${converted.length} objects, expected ${objects.length}`);
  }
  return converted.map((object, i) => restore(object, objects[i]!, { apiVersion, index: i }));
}

/** The converted object with the metadata of the one that was sent. */
function restore(
  converted: unknown,
  original: KubeObject,
  { apiVersion, index }: { apiVersion: string; index: number },
): KubeObject {
  const invalid = (why: string) => new AnswerProblem(`returned invalid converted object at index ${index}: ${why}`);
  if (!isObject(converted)) throw invalid('it is no object');
  if (converted.apiVersion !== apiVersion) {
    throw invalid(`invalid groupVersion (expected ${apiVersion}, received ${String(converted.apiVersion ?? '')})`);
  }
  if (converted.kind !== original.kind) {
    throw invalid(`invalid kind (expected ${original.kind}, received ${String(converted.kind ?? '')})`);
  }
  const sent = original.metadata;
  const metadata = isObject(converted.metadata) ? (converted.metadata as unknown as ObjectMeta) : undefined;
  if (!metadata) throw invalid('metadata is missing');
  for (const key of ['name', 'namespace', 'uid'] as const) {
    if ((metadata[key] ?? '') !== (sent[key] ?? '')) throw invalid(`metadata.${key} may not be changed`);
  }
  const { labels: _l, annotations: _a, ...kept } = sent;
  const { labels, annotations } = metadata;
  return {
    ...converted,
    metadata: { ...kept, ...(labels ? { labels } : {}), ...(annotations ? { annotations } : {}) },
  } as KubeObject;
}
