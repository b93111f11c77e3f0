// What has changed in a runtime that does not tell: everything is listed and compared with the time before.
// Upstream: the generic PLEG of pkg/kubelet/pleg.
import type { CriClient } from '../../proto/cri-client.ts';
import { runtimeLabels } from './runtime-state.ts';

export class Relist {
  readonly #runtime: Pick<CriClient['runtime'], 'ListPodSandbox' | 'ListContainers'>;
  /** By id: whose pod it is of, and its state. */
  #known = new Map<string, { uid: string; state: string }>();

  constructor({ runtime }: CriClient) {
    this.#runtime = runtime;
  }

  /** The pods, by uid, of which something has come, changed or gone since the last look. */
  async look(): Promise<Set<string>> {
    const lists = await Promise.all([this.#runtime.ListPodSandbox({}), this.#runtime.ListContainers({})]);
    const found = [...lists[0].items, ...lists[1].containers].map(
      ({ id, state, labels }) => [id, { uid: labels[runtimeLabels.podUid] ?? '', state }] as const,
    );
    const [before, now] = [this.#known, new Map(found)];
    this.#known = now;
    const differs = (id: string) => before.get(id)?.state !== now.get(id)?.state;
    const changed = [...new Set([...before.keys(), ...now.keys()])].filter(differs);
    return new Set(changed.map((id) => (now.get(id) ?? before.get(id))!.uid).filter((uid) => uid !== ''));
  }
}
