// Creating and deleting the pods of a workload, with its events. Upstream: RealPodControl in pkg/controller.

import type { PodTemplateSpec } from '../../api/core/pod/pod-template.ts';
import { type Pod, PodKind } from '../../api/core/pod.ts';
import type { ControllerContext } from '../../client/controller.ts';
import { sayingOf } from '../../client/events.ts';
import { untilAnswered } from '../../client/own-writes.ts';
import type { ObjectName, ResourceClient } from '../../client/rest.ts';
import { TransportError } from '../../client/transport.ts';
import {
  isAlreadyExists,
  isForbidden,
  isNotFound,
  messageOf,
  StatusError,
  unlessGone,
  unlessThere,
} from '../../machinery/errors.ts';
import { cloneJson } from '../../machinery/json.ts';
import type { Kind } from '../../machinery/kind.ts';
import { controllerOf, type KubeObject } from '../../machinery/metadata.ts';
import { randomSuffix } from '../../machinery/random.ts';
import { controllerRef } from './claim.ts';

/** A pod as the template of its owner wants it, not yet named. */
export function podFromTemplate(ownerKind: Kind, owner: KubeObject, template: PodTemplateSpec): Pod {
  const { labels, annotations, finalizers } = cloneJson(template.metadata ?? {});
  return {
    metadata: {
      generateName: `${owner.metadata.name}-`,
      namespace: owner.metadata.namespace ?? '',
      ...(labels ? { labels } : {}),
      ...(annotations ? { annotations } : {}),
      ...(finalizers ? { finalizers } : {}),
      ownerReferences: [controllerRef(ownerKind, owner)],
    },
    spec: cloneJson(template.spec),
  } as Pod;
}

/**
 * Whether a create was refused because its namespace is being emptied: no fault of anybody, and no
 * use to try again.
 */
export function isNamespaceTerminating(err: unknown): boolean {
  return (
    isForbidden(err) &&
    err instanceof StatusError &&
    (err.details?.causes ?? []).some((cause) => cause.reason === 'NamespaceTerminating')
  );
}

/** A write of what is made once: it may be there, not yet seen, and a namespace that goes wants nothing any more. */
export async function unlessInVain(write: Promise<unknown>): Promise<void> {
  await unlessThere(write).catch((err) => {
    if (!isNamespaceTerminating(err)) throw err;
  });
}

// As the server makes names: registry/rest's BeforeCreate.
const maxBaseLength = 58;
/** What is refused, in the words for a name that the server makes. */
function withoutName(err: unknown, name: string, generateName: string): unknown {
  if (!(err instanceof StatusError)) return err;
  const { code, reason, details } = err;
  const message = err.message.replaceAll(`"${name}"`, `"${generateName}"`);
  return new StatusError(code, reason, message, { ...(details ? { details } : {}), cause: err });
}

export class PodControl {
  readonly #context: ControllerContext;
  readonly #pods: ResourceClient<Pod>;
  readonly #say: ReturnType<typeof sayingOf>;

  constructor(context: ControllerContext, ownerKind: Kind, component: string) {
    this.#context = context;
    this.#pods = context.resource(PodKind);
    this.#say = sayingOf(ownerKind, context.recorder(component));
  }

  /** Creates a pod. Throws what the server says. */
  async create(owner: KubeObject, pod: Pod): Promise<Pod> {
    try {
      const created = await this.#createNamed(owner, pod);
      this.#say(owner, 'Normal', 'SuccessfulCreate', `Created pod: ${created.metadata.name}`);
      return created;
    } catch (err) {
      if (!isNamespaceTerminating(err)) {
        this.#say(owner, 'Warning', 'FailedCreate', `Error creating: ${messageOf(err)}`);
      }
      throw err;
    }
  }

  /** Creates a pod under a name of ours, so that one whose answer was lost is known again. */
  async #createNamed(owner: KubeObject, pod: Pod): Promise<Pod> {
    const { generateName = '' } = pod.metadata;
    for (;;) {
      const name = `${generateName.slice(0, maxBaseLength)}${randomSuffix(this.#context.random)}`;
      try {
        const named = { ...pod, metadata: { ...pod.metadata, name } };
        return await untilAnswered(this.#context, async (isAgain) => {
          try {
            return await this.#pods.create(named);
          } catch (err) {
            if (!isAgain || err instanceof TransportError) throw err;
            // Whatever it is refused for now, the call whose answer was lost may have made it; it may even be gone again.
            const found = (await this.#find(named.metadata)) ?? (isAlreadyExists(err) ? named : undefined);
            if (found && controllerOf(found)?.uid === owner.metadata.uid) return found;
            throw err;
          }
        });
      } catch (err) {
        // Somebody else's: chance makes another name.
        if (!isAlreadyExists(err)) throw withoutName(err, name, generateName);
      }
    }
  }

  /** Undefined when there is none. An answer that does not say is none. */
  async #find(target: ObjectName): Promise<Pod | undefined> {
    try {
      return await unlessGone(this.#pods.get(target));
    } catch (err) {
      const saysNothing = err instanceof StatusError && (err.code >= 500 || err.code === 429);
      throw saysNothing ? new TransportError(err.message) : err;
    }
  }

  /** Deletes a pod. False when it was gone already, which is as good. */
  async delete(owner: KubeObject, pod: Pod): Promise<boolean> {
    const { name, uid } = pod.metadata;
    try {
      await untilAnswered(this.#context, (isAgain) =>
        this.#pods.delete(pod.metadata, uid ? { uid } : {}).catch((err) => {
          if (!isAgain || !isNotFound(err)) throw err; // gone by the call whose answer was lost: to be awaited
        }),
      );
      this.#say(owner, 'Normal', 'SuccessfulDelete', `Deleted pod: ${name}`);
      return true;
    } catch (err) {
      if (isNotFound(err)) return false;
      this.#say(owner, 'Warning', 'FailedDelete', `Error deleting: ${messageOf(err)}`);
      throw err;
    }
  }
}
