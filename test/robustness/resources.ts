// The resources of the traffic: one that is only data, one with a grace period and fields to select by, and one that
// is served from its definition.
import type { Resource } from './history.ts';

export interface ResourceShape {
  apiVersion: string;
  kind: string;
  /** Before the namespace. */
  root: string;
  /** Before the namespace, in etcd. */
  keyPrefix: string;
  /** Texts that the traffic changes; absent: labels and annotations alone. */
  field?: 'data' | 'spec';
  fieldSelectors: readonly string[];
  objects: number;
}

export const shapes: Record<Resource, ResourceShape> = {
  configmaps: {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    root: '/api/v1',
    keyPrefix: '/registry/configmaps/',
    field: 'data',
    fieldSelectors: ['metadata.name=configmaps-0', 'metadata.name!=configmaps-1'],
    objects: 3,
  },
  pods: {
    apiVersion: 'v1',
    kind: 'Pod',
    root: '/api/v1',
    keyPrefix: '/registry/pods/',
    fieldSelectors: ['spec.nodeName=n1', 'spec.nodeName!=n1', 'metadata.name=pods-0'],
    objects: 3,
  },
  widgets: {
    apiVersion: 'example.com/v1',
    kind: 'Widget',
    root: '/apis/example.com/v1',
    keyPrefix: '/registry/example.com/widgets/',
    field: 'spec',
    fieldSelectors: ['metadata.name=widgets-0'],
    objects: 2,
  },
};

export const collectionPath = (resource: Resource, namespace: string): string =>
  `${shapes[resource].root}/namespaces/${namespace}/${resource}`;

const schema = {
  type: 'object',
  properties: { spec: { type: 'object', additionalProperties: { type: 'string' } } },
} as const;

export const widgetDefinition = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'widgets.example.com' },
  spec: {
    group: 'example.com',
    scope: 'Namespaced',
    names: { plural: 'widgets', singular: 'widget', kind: 'Widget' },
    versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: schema } }],
  },
};
