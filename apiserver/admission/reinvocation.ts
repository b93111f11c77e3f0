// Who is asked once more about a request when others have changed its object afterwards: webhooks and policies that say
// reinvocationPolicy: IfNeeded. https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#reinvocation-policy
import { cloneJson, jsonEqual } from '../../machinery/json.ts';
import type { KubeObject } from '../../machinery/metadata.ts';

/** The rounds of one plugin over one request: the first asks all, the second those that are due. */
export class Rounds {
  /** Those that were asked and want to be asked again. */
  readonly #seen = new Set<string>();
  readonly #due = new Set<string>();
  /** The object as the last round left it. */
  #last: KubeObject | undefined;
  #isFirst = true;

  /** What others did between the rounds, all that want to know of it are told. */
  begin(object: KubeObject | undefined): void {
    if (!this.#isFirst && !jsonEqual(this.#last, object)) this.changed();
  }

  asks(id: string): boolean {
    return this.#isFirst || this.#due.has(id);
  }

  /** The object has been changed: those asked before are due. */
  changed(): void {
    for (const id of this.#seen) this.#due.add(id);
    this.#seen.clear();
  }

  asked(id: string, reinvocationPolicy: string | undefined): void {
    if (reinvocationPolicy === 'IfNeeded') this.#seen.add(id);
  }

  end(object: KubeObject | undefined): void {
    this.#last = object && cloneJson(object);
    this.#isFirst = false;
  }
}
