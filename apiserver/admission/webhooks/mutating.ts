// MutatingAdmissionWebhook: asks webhooks one after the other, and applies their patches.
// https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/
import jsonPatch, { type Operation } from 'fast-json-patch';
import { internalError } from '../../../machinery/errors.ts';
import { cloneJson, jsonEqual } from '../../../machinery/json.ts';
import type { KubeObject } from '../../../machinery/metadata.ts';
import type { AdmissionDeps, AdmissionPlugin, AdmissionRequest } from '../plugin.ts';
import { type Asked, askWebhook, questionFor } from './ask.ts';
import { configuredWebhooks } from './configurations.ts';
import { isExempt, versionsOfRequest } from './matching.ts';
import { takeOver } from './view.ts';

/** What was asked about a request so far. */
interface Rounds {
  /** Webhooks that were asked and want to be asked again when others change the object after them. */
  seen: Set<string>;
  /** Those that are due in the second round. */
  due: Set<string>;
  /** The object as the last webhook left it. */
  last: KubeObject | undefined;
}

const rounds = new WeakMap<AdmissionRequest, Rounds>();

async function mutate(request: AdmissionRequest, deps: AdmissionDeps): Promise<void> {
  const webhooks = configuredWebhooks('MutatingWebhookConfiguration', deps);
  if (webhooks.length === 0) return;
  const earlier = rounds.get(request);
  const state: Rounds = earlier ?? { seen: new Set(), due: new Set(), last: undefined };
  rounds.set(request, state);
  // Plugins have completed what webhooks wrote: all that want to know of it are due.
  if (earlier && !jsonEqual(state.last, request.object)) requireAgain(state);
  const versions = versionsOfRequest(request, deps);
  for (const { webhook, id } of webhooks) {
    if (earlier && !state.due.has(id)) continue;
    const question = await questionFor(webhook, request, versions, deps);
    if (!question) continue;
    const asked = await askWebhook(webhook, request, question, { deps, mutating: true });
    if (await applyAnswer(webhook.name, asked, request, deps)) {
      request.reinvoke = true;
      requireAgain(state);
    }
    if (webhook.reinvocationPolicy === 'IfNeeded') state.seen.add(id);
  }
  state.last = request.object && cloneJson(request.object);
}

function requireAgain(state: Rounds): void {
  for (const id of state.seen) state.due.add(id);
  state.seen.clear();
}

/** True when the object is another one now. */
async function applyAnswer(
  name: string,
  { response, view }: Asked,
  request: AdmissionRequest,
  deps: AdmissionDeps,
): Promise<boolean> {
  if (!response?.patch) return false;
  let operations: Operation[];
  try {
    operations = JSON.parse(response.patch);
    if (!Array.isArray(operations))
      throw new TypeError('json: cannot unmarshal object into Go value of type jsonpatch.Patch');
  } catch (err) {
    throw internalError((err as Error).message, err);
  }
  if (operations.length === 0) return false;
  if (!view.object) {
    const why = `admission webhook ${JSON.stringify(name)} attempted to modify the object, which is not supported for this operation`;
    throw internalError(why);
  }
  let changed: unknown;
  try {
    changed = jsonPatch.applyPatch(cloneJson(view.object), operations, true, true, true).newDocument;
  } catch (err) {
    throw internalError((err as Error).message.split('\n')[0]!, err);
  }
  const before = cloneJson(request.object!);
  await takeOver(request, changed, view.resource, deps);
  return !jsonEqual(before, request.object);
}

export const mutatingWebhooks: AdmissionPlugin = {
  name: 'MutatingAdmissionWebhook',
  handles: (request) => !isExempt(request),
  mutate,
};
