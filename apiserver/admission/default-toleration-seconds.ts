// Lets every pod stay five minutes on a node that is not ready or not reachable, unless it says otherwise.
// https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#defaulttolerationseconds
import { type AdmissionPlugin, requestsFor } from './plugin.ts';

const tolerationSeconds = 300;
const keys = ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable'];

interface Toleration {
  key?: string;
  operator?: string;
  effect?: string;
}

export const defaultTolerationSeconds: AdmissionPlugin = {
  name: 'DefaultTolerationSeconds',
  handles: requestsFor('pods', ['CREATE', 'UPDATE']),
  mutate({ object }) {
    const { spec } = object!;
    const present: Toleration[] = spec.tolerations ?? [];
    const covers = (t: Toleration, key: string) => (!t.key || t.key === key) && (!t.effect || t.effect === 'NoExecute');
    const missing = keys.filter((key) => !present.some((t) => covers(t, key)));
    if (missing.length === 0) return;
    const added = missing.map((key) => ({ key, operator: 'Exists', effect: 'NoExecute', tolerationSeconds }));
    spec.tolerations = [...present, ...added];
  },
};
