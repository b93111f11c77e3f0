// MutatingAdmissionWebhook: asks webhooks one after the other, and applies their patches.
// https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/
import type { Operation } from 'fast-json-patch';
import { internalError, messageOf } from '../../../machinery/errors.ts';
import { cloneJson, jsonEqual } from '../../../machinery/json.ts';
import { jsonPatchInSteps } from '../../../machinery/json-patch.ts';
import { readJsonInSteps } from '../../../machinery/json-reader.ts';
import { maxOpened } from '../../endpoints/body.ts';
import { inTurns } from '../../turns.ts';
import type { AdmissionDeps, AdmissionPlugin, AdmissionRequest } from '../plugin.ts';
import { Rounds } from '../reinvocation.ts';
import { type Asked, askWebhook, questionFor } from './ask.ts';
import { configuredWebhooks } from './configurations.ts';
import { isExempt, versionsOfRequest } from './matching.ts';
import { takeOver } from './view.ts';

const rounds = new WeakMap<AdmissionRequest, Rounds>();

async function mutate(request: AdmissionRequest, deps: AdmissionDeps): Promise<void> {
  const webhooks = configuredWebhooks('MutatingWebhookConfiguration', deps);
  if (webhooks.length === 0) return;
  const state = rounds.getOrInsertComputed(request, () => new Rounds());
  // Plugins have completed what webhooks wrote: all that want to know of it are due.
  state.begin(request.object);
  const versions = versionsOfRequest(request, deps);
  for (const { webhook, id } of webhooks) {
    if (!state.asks(id)) continue;
    const question = await questionFor(webhook, request, versions, deps);
    if (!question) continue;
    const asked = await askWebhook(webhook, request, question, { deps, mutating: true });
    if (await applyAnswer(webhook.name, asked, request, deps)) {
      request.reinvoke = true;
      state.changed();
    }
    state.asked(id, webhook.reinvocationPolicy);
  }
  state.end(request.object);
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
    operations = (await inTurns(readJsonInSteps(response.patch, maxOpened), deps.clock)).value as Operation[];
    if (!Array.isArray(operations))
      throw new TypeError('json: cannot unmarshal object into Go value of type jsonpatch.Patch');
  } catch (err) {
    throw internalError(messageOf(err), err);
  }
  if (operations.length === 0) return false;
  if (!view.object) {
    const why = `admission webhook ${JSON.stringify(name)} attempted to modify the object, which is not supported for this operation`;
    throw internalError(why);
  }
  let changed: unknown;
  try {
    changed = await inTurns(jsonPatchInSteps(view.object, operations), deps.clock);
  } catch (err) {
    throw internalError(messageOf(err).split('\n')[0]!, err);
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
