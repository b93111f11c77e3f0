// Requests as they are, through `kubectl proxy`: for what kubectl's own commands do not show.
import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Kubectl } from './kubectl.ts';

export interface ApiAnswer {
  code: number;
  headers: Headers;
  /** What JSON says, or else the text. */
  body: any;
}

export interface ApiRequest {
  body?: object | string;
  contentType?: string;
  headers?: Record<string, string>;
}

export class ApiProxy implements Disposable {
  readonly #proxy: ChildProcess;
  /** `http://127.0.0.1:port`. */
  readonly url: string;

  private constructor(proxy: ChildProcess, url: string) {
    this.#proxy = proxy;
    this.url = url;
  }

  static async start(kubectl: Kubectl): Promise<ApiProxy> {
    const proxy = kubectl.start(['proxy', '--port=0', '--reject-paths=^$']);
    for await (const line of createInterface({ input: proxy.stdout! })) {
      const address = /127\.0\.0\.1:\d+/.exec(line);
      if (address) return new ApiProxy(proxy, `http://${address[0]}`);
    }
    throw new Error('kubectl proxy ended');
  }

  /** A patch is a strategic merge patch unless it is said otherwise. */
  async request(method: string, path: string, { body, contentType, headers }: ApiRequest = {}): Promise<ApiAnswer> {
    const type = contentType ?? (method === 'PATCH' ? 'application/strategic-merge-patch+json' : 'application/json');
    const answer = await fetch(`${this.url}${path}`, {
      method,
      headers: { ...(body === undefined ? {} : { 'content-type': type }), ...headers },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = await answer.text();
    const isJson = answer.headers.get('content-type')?.includes('json');
    return { code: answer.status, headers: answer.headers, body: isJson ? JSON.parse(text) : text };
  }

  [Symbol.dispose](): void {
    this.#proxy.kill();
  }
}
