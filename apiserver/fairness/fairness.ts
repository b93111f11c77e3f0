// Priority and fairness: each request belongs to a flow of a schema and has its turn in a level. The objects are read
// from the cache whenever one has changed. Upstream: the API priority and fairness filter and its controller.
// https://kubernetes.io/docs/concepts/cluster-administration/flow-control/
import type { FlowSchema, FlowSchemaSpec } from '../../api/flowcontrol/flowschema.ts';
import { mandatoryFlowSchemas, mandatoryPriorityLevels } from '../../api/flowcontrol/mandatory.ts';
import type { PriorityLevelConfiguration } from '../../api/flowcontrol/prioritylevelconfiguration.ts';
import type { Clock } from '../../machinery/clock.ts';
import type { UserInfo } from '../authn/user.ts';
import { flowControlGroup } from '../bootstrap/flow-control.ts';
import type { KindTable } from '../registry/kind-table.ts';
import type { RequestInfo } from '../request-info.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import { keyPrefixOf } from '../storage/stored-object.ts';
import { distinguisherOf, inOrder, schemaFits } from './classify.ts';
import { Level, type LevelConfig, type Pool, type Turn } from './level.ts';
import type { FairnessMetrics, FlowLabels } from './metrics.ts';

interface FairnessDeps {
  store: ObjectStore;
  kinds: KindTable;
  clock: Clock;
  metrics: FairnessMetrics;
  /** Requests that the whole server works on at a time. */
  totalSeats: number;
}

interface TurnWish {
  info: RequestInfo;
  user: UserInfo;
  /** How long it may wait; undefined: it takes no seat, whatever it is. */
  waitMs: number | undefined;
  /** Seats that it takes; one without it. */
  width?: number;
  signal?: AbortSignal;
}

/** Where a request belongs, and its turn. */
export interface Place {
  schemaUid: string;
  levelUid: string;
  turn: Turn | Promise<Turn>;
}

interface KnownLevel {
  uid: string;
  level: Level;
}

export class Fairness {
  readonly #deps: FairnessDeps;
  readonly #levels = new Map<string, KnownLevel>();
  #schemas: { schema: FlowSchema; level: KnownLevel }[] = [];
  #schemasAt = -1;
  #levelsAt = -1;
  readonly #pool: Pool = {
    hasIdle: (except, count) => this.#idle(except) >= this.#borrowed() + count,
    freed: () => {
      for (const { level } of this.#levels.values()) if (level.waiting > 0) level.dispatch();
    },
  };

  constructor(deps: FairnessDeps) {
    this.#deps = deps;
  }

  #idle(except: Level): number {
    let sum = 0;
    for (const { level } of this.#levels.values()) if (level !== except) sum += level.idle;
    return sum;
  }

  #borrowed(): number {
    let sum = 0;
    for (const { level } of this.#levels.values()) sum += Math.max(0, level.executing - level.config.seats);
    return sum;
  }

  /** Where the request belongs; its turn may be later. */
  place({ info, user, waitMs, width, signal }: TurnWish): Place {
    this.#refresh();
    const found = this.#schemas.find(({ schema }) => schemaFits(schema, info, user)) ?? this.#schemas.at(-1)!;
    const { schema, level } = found;
    const place = { schemaUid: schema.metadata.uid ?? '', levelUid: level.uid };
    if (waitMs === undefined) return { ...place, turn: { end: () => undefined } };
    const labels = { priority_level: schema.spec.priorityLevelConfiguration.name, flow_schema: schema.metadata.name! };
    const flow = `${labels.flow_schema},${distinguisherOf(schema, info, user)}`;
    const turn = level.level.take({ flow, waitMs, ...(width && { width }), ...(signal && { signal }) });
    this.#deps.metrics.estimated(labels, width ?? 1);
    return { ...place, turn: this.#observe(turn, labels, { seats: width ?? 1, isWatch: info.verb === 'watch' }) };
  }

  #observe(
    turn: Turn | Promise<Turn>,
    labels: FlowLabels,
    { seats, isWatch }: { seats: number; isWatch: boolean },
  ): Turn | Promise<Turn> {
    const { metrics, clock } = this.#deps;
    const startMs = clock.monotonicMs();
    const begun = (given: Turn): Turn => {
      const beganMs = clock.monotonicMs();
      metrics.decided(labels, 'end' in given ? undefined : given.refused, (beganMs - startMs) / 1000);
      if (!('end' in given)) return given;
      const ended = metrics.executing(labels, seats, isWatch);
      return {
        end: () => {
          ended((clock.monotonicMs() - beganMs) / 1000);
          given.end();
        },
      };
    };
    if (!(turn instanceof Promise)) return begun(turn);
    const left = metrics.waiting(labels);
    return turn.then((given) => {
      left();
      return begun(given);
    });
  }

  #read<T>(kind: string): { objects: T[]; changedAt: number } {
    const { store, kinds } = this.#deps;
    const found = kinds.kind(flowControlGroup, kind);
    const cache = store.resource(found);
    const objects = [...cache.list(keyPrefixOf(found))].map(({ object }) => object as unknown as T);
    return { objects, changedAt: cache.changedAt };
  }

  #refresh(): void {
    const { store, kinds } = this.#deps;
    const at = (kind: string) => store.resource(kinds.kind(flowControlGroup, kind)).changedAt;
    if (at('FlowSchema') === this.#schemasAt && at('PriorityLevelConfiguration') === this.#levelsAt) return;
    const schemas = this.#read<FlowSchema>('FlowSchema');
    const levels = this.#read<PriorityLevelConfiguration>('PriorityLevelConfiguration');
    this.#schemasAt = schemas.changedAt;
    this.#levelsAt = levels.changedAt;
    this.#setLevels(withMandatory(levels.objects, mandatoryPriorityLevels));
    // A schema whose level is missing takes no requests.
    this.#schemas = inOrder(withMandatory(schemas.objects, mandatoryFlowSchemas)).flatMap((schema) => {
      const level = this.#levels.get((schema.spec as FlowSchemaSpec).priorityLevelConfiguration.name);
      return level ? [{ schema, level }] : [];
    });
  }

  #setLevels(objects: readonly PriorityLevelConfiguration[]): void {
    const { totalSeats, clock, metrics } = this.#deps;
    const sum = objects.reduce((total, { spec }) => total + sharesOf(spec), 0);
    const names = new Set<string>();
    for (const { metadata, spec } of objects) {
      const name = metadata.name!;
      names.add(name);
      const seats = Math.ceil((totalSeats * sharesOf(spec)) / Math.max(1, sum));
      const config = configOf(spec, seats);
      const known = this.#levels.get(name);
      if (known) known.level.configure(config);
      const level = known?.level ?? new Level(config, clock, this.#pool);
      this.#levels.set(name, { uid: metadata.uid ?? '', level });
      metrics.seats(name, seats);
    }
    // Who waits in a level that is gone keeps its turn there.
    for (const name of this.#levels.keys()) if (!names.has(name)) this.#levels.delete(name);
  }
}

const sharesOf = (spec: PriorityLevelConfiguration['spec']): number =>
  (spec.type === 'Exempt' ? spec.exempt?.nominalConcurrencyShares : (spec.limited?.nominalConcurrencyShares ?? 30)) ??
  0;

function configOf(spec: PriorityLevelConfiguration['spec'], seats: number): LevelConfig {
  if (spec.type === 'Exempt') return { seats: Number.POSITIVE_INFINITY, borrowable: 0, lendable: 0 };
  const { lendablePercent = 0, borrowingLimitPercent, limitResponse } = spec.limited ?? {};
  const queuing = limitResponse?.type === 'Queue' ? limitResponse.queuing : undefined;
  return {
    seats,
    lendable: Math.round((seats * lendablePercent) / 100),
    borrowable:
      borrowingLimitPercent === undefined
        ? Number.POSITIVE_INFINITY
        : Math.round((seats * borrowingLimitPercent) / 100),
    ...(queuing && {
      queuing: {
        queues: Math.max(1, queuing.queues ?? 64),
        handSize: queuing.handSize ?? 8,
        queueLengthLimit: queuing.queueLengthLimit ?? 50,
      },
    }),
  };
}

/** What must be there is there, whoever has deleted it and however new the cluster is. */
function withMandatory<T extends { metadata: { name?: string } }>(objects: T[], table: Record<string, object>): T[] {
  const names = new Set(objects.map(({ metadata }) => metadata.name));
  const missing = Object.entries(table).filter(([name]) => !names.has(name));
  return [...objects, ...missing.map(([name, spec]) => ({ metadata: { name }, spec }) as unknown as T)];
}
