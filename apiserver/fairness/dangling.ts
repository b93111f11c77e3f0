// Says of each flow schema whether its priority level is there: its Dangling condition.
import type { FlowSchema } from '../../api/flowcontrol/flowschema.ts';
import { isConflict, isNotFound } from '../../machinery/errors.ts';
import { cloneJson } from '../../machinery/json.ts';
import type { KubeObject } from '../../machinery/metadata.ts';
import { timestamp } from '../../machinery/timestamp.ts';
import { flowControlGroup } from '../bootstrap/flow-control.ts';
import { type ApiContext, writeAs } from '../registry/context.ts';
import { updateObject } from '../registry/update.ts';
import type { CacheWatcher } from '../storage/resource-cache.ts';
import { keyPrefixOf } from '../storage/stored-object.ts';

const fieldManager = 'api-priority-and-fairness-config-consumer-v1';
const retryMs = 1_000;

/** Keeps the conditions true from now on; what is returned ends that. */
export async function keepDanglingConditions(context: ApiContext): Promise<() => void> {
  const conditions = new DanglingConditions(context);
  context.store.cache.onLoaded(() => void conditions.start());
  await conditions.start();
  return () => conditions.stop();
}

class DanglingConditions {
  readonly #context: ApiContext;
  #isStopped = false;
  #isDirty = false;
  #work: Promise<void> | undefined;

  constructor(context: ApiContext) {
    this.#context = context;
  }

  /** Follows both kinds. Resolves when all schemas say what is so. Call it again when the cache was reset. */
  async start(): Promise<void> {
    for (const name of ['FlowSchema', 'PriorityLevelConfiguration']) {
      const kind = this.#context.kinds.kind(flowControlGroup, name);
      const watcher: CacheWatcher = {
        prefix: keyPrefixOf(kind),
        onEvent: () => this.#changed(),
        flush: () => undefined,
        onReset: () => undefined,
      };
      this.#context.store.resource(kind).watchers.add(watcher);
    }
    this.#changed();
    await this.#work;
  }

  stop(): void {
    this.#isStopped = true;
  }

  #changed(): void {
    this.#isDirty = true;
    this.#work ??= this.#run().finally(() => {
      this.#work = undefined;
    });
  }

  async #run(): Promise<void> {
    // All that comes with one batch of events is dealt with at once.
    await Promise.resolve();
    while (this.#isDirty && !this.#isStopped) {
      this.#isDirty = false;
      try {
        await this.#sync();
      } catch (err) {
        if (!isConflict(err) && !isNotFound(err)) this.#context.log.warn({ err }, 'flow schemas: no conditions');
        this.#context.clock.after(retryMs, () => this.#changed());
      }
    }
  }

  async #sync(): Promise<void> {
    const { store, kinds } = this.#context;
    const kind = kinds.kind(flowControlGroup, 'FlowSchema');
    const levels = kinds.kind(flowControlGroup, 'PriorityLevelConfiguration');
    for (const { object } of [...store.resource(kind).list(keyPrefixOf(kind))]) {
      const schema = object as unknown as FlowSchema;
      const level = schema.spec.priorityLevelConfiguration.name;
      const wanted = conditionOf(level, store.peek(levels, '', level) !== undefined);
      const present = schema.status?.conditions?.find(({ type }) => type === 'Dangling');
      if (present?.status !== wanted.status || present.message !== wanted.message) await this.#write(schema, wanted);
    }
  }

  async #write({ metadata }: FlowSchema, wanted: object): Promise<void> {
    const { kinds, clock } = this.#context;
    const kind = kinds.kind(flowControlGroup, 'FlowSchema');
    const condition = { ...wanted, lastTransitionTime: timestamp(clock.now()) };
    const produce = (old: KubeObject): KubeObject => {
      const draft = cloneJson(old);
      const others = (old.status?.conditions ?? []).filter(({ type }: { type: string }) => type !== 'Dangling');
      Object.assign(draft.metadata, { uid: metadata.uid, resourceVersion: metadata.resourceVersion });
      return { ...draft, status: { ...draft.status, conditions: [...others, condition] } };
    };
    const target = { namespace: '', name: metadata.name!, subresource: 'status', produce };
    await updateObject(this.#context, kind, target, writeAs(kind, { fieldManager }));
  }
}

function conditionOf(
  level: string,
  isThere: boolean,
): { type: string; status: string; reason: string; message: string } {
  const named = `This FlowSchema references the PriorityLevelConfiguration object named ${JSON.stringify(level)}`;
  return isThere
    ? { type: 'Dangling', status: 'False', reason: 'Found', message: `${named} and it exists` }
    : { type: 'Dangling', status: 'True', reason: 'NotFound', message: `${named} but there is no such object` };
}
