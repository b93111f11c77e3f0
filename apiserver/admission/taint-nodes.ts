// A new node is tainted not-ready until its first good report.
// https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#taintnodesbycondition
import { type AdmissionPlugin, requestsFor } from './plugin.ts';

const notReady = { key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' };

export const taintNodesByCondition: AdmissionPlugin = {
  name: 'TaintNodesByCondition',
  handles: requestsFor('nodes', ['CREATE']),
  mutate({ object }) {
    const { spec } = object!;
    const taints: { key: string; effect: string }[] = spec.taints ?? [];
    if (taints.some((t) => t.key === notReady.key && t.effect === notReady.effect)) return;
    spec.taints = [...taints, { ...notReady }];
  },
};
