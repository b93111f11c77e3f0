import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CustomResourceDefinition } from '../../api/apiextensions/customresourcedefinition/schema.ts';
import type { StatusError } from '../../machinery/errors.ts';
import { WebhookError } from '../webhook-client.ts';
import { webhookConverter } from './webhook-conversion.ts';

const definition = {
  spec: {
    names: { kind: 'Wid' },
    conversion: { strategy: 'Webhook', webhook: { conversionReviewVersions: ['v9', 'v1'], clientConfig: {} } },
  },
} as unknown as CustomResourceDefinition;
const object = {
  kind: 'Wid',
  apiVersion: 'g.io/v1',
  metadata: { name: 'a', namespace: 'n', uid: 'u', generation: 3, labels: { old: '1' } },
  spec: { size: 1 },
};

const convert = (respond: (request: any) => unknown) =>
  webhookConverter({ post: async (_config, _seconds, review: any) => respond(review.request) })(
    definition,
    [object],
    'g.io/v2',
  );
const review = (response: object) => ({ kind: 'ConversionReview', apiVersion: 'apiextensions.k8s.io/v1', response });
const success = ({ uid }: any, convertedObjects: unknown[]) =>
  review({ uid, result: { status: 'Success' }, convertedObjects });

test('objects come back in the version that was wanted; of metadata labels and annotations alone may change', async () => {
  const metadata = { ...object.metadata, generation: 99, labels: { next: '2' }, annotations: { a: 'b' } };
  const [converted] = await convert((request) => {
    assert.deepEqual([request.desiredAPIVersion, request.objects], ['g.io/v2', [object]]);
    return success(request, [{ kind: 'Wid', apiVersion: 'g.io/v2', metadata, spec: { width: 1 } }]);
  });
  assert.deepEqual(converted, {
    kind: 'Wid',
    apiVersion: 'g.io/v2',
    metadata: { ...object.metadata, labels: { next: '2' }, annotations: { a: 'b' } },
    spec: { width: 1 },
  });
});

const good = { ...object, apiVersion: 'g.io/v2' };
const refused: [why: string, respond: (request: any) => unknown, want: RegExp][] = [
  [
    'nobody answers',
    () => {
      throw new WebhookError('Post "x": EOF');
    },
    /^conversion webhook for g\.io\/v1, Kind=Wid failed: Post "x": EOF$/,
  ],
  ['it says no', ({ uid }) => review({ uid, result: { status: 'Failure', message: 'no way' } }), / failed: no way$/],
  [
    'another request is answered',
    () => review({ uid: 'x', result: { status: 'Success' } }),
    /expected response\.uid=".*", got "x"$/,
  ],
  ['too few come back', (request) => success(request, []), / returned 0 objects, expected 1$/],
  [
    'they are in another version',
    (request) => success(request, [object]),
    /invalid converted object at index 0: invalid groupVersion \(expected g\.io\/v2, received g\.io\/v1\)/,
  ],
  [
    'they are of another kind',
    (request) => success(request, [{ ...good, kind: 'X' }]),
    /invalid kind \(expected Wid, received X\)/,
  ],
  [
    'they are others',
    (request) => success(request, [{ ...good, metadata: { name: 'b' } }]),
    /metadata\.name may not be changed/,
  ],
  [
    'it is no review',
    () => ({ kind: 'Status' }),
    / failed: expected webhook response of apiextensions\.k8s\.io\/v1, Kind=ConversionReview, got , Kind=Status$/,
  ],
  ['it is no object', () => 5, / failed: json: cannot unmarshal number into Go value of type .*ConversionReview$/],
  [
    'a text is none',
    ({ uid }) => review({ uid, result: { status: 'Failure', message: { a: 1 } } }),
    / failed: json: cannot unmarshal object into Go struct field .*response\.result\.message of type string$/,
  ],
  ['it does not say why not', ({ uid }) => review({ uid }), / response\.result\.status was '', not 'Success'$/],
  ['a kind is no text', (request) => success(request, [{ ...good, kind: { a: 1 } }]), / \(expected Wid, received \)$/],
  [
    'a name is no text',
    (request) => success(request, [{ ...good, metadata: { ...good.metadata, name: 1 } }]),
    / metadata\.name may not be changed$/,
  ],
  [
    'labels are none',
    (request) => success(request, [{ ...good, metadata: { ...good.metadata, labels: { a: 1 } } }]),
    / metadata\.labels is no map of strings$/,
  ],
  [
    'no object could have its labels',
    (request) => success(request, [{ ...good, metadata: { ...good.metadata, labels: { a: '?' } } }]),
    / metadata\.labels: Invalid value: "\?": a valid label must be /,
  ],
];
for (const [why, respond, want] of refused) {
  test(`an error when ${why}`, async () => {
    await assert.rejects(convert(respond), (err: StatusError) => {
      assert.equal(err.code, 500);
      assert.match(err.message.replace(/^Internal error occurred: /, ''), want);
      return true;
    });
  });
}
