// Somebody with a browser who installs WordPress, logs in and writes.
const deadlineMs = 300_000;

export class WordpressVisitor {
  readonly #site: string;
  readonly #cookies = new Map<string, string>();

  /** `site` is an address without a path: `http://10.96.0.9`. */
  constructor(site: string) {
    this.#site = site;
  }

  async #ask(path: string, options: RequestInit = {}): Promise<Response> {
    const cookie = [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const response = await fetch(`${this.#site}${path}`, {
      ...options,
      headers: { ...options.headers, cookie, connection: 'close' },
      redirect: 'manual',
      signal: AbortSignal.timeout(deadlineMs),
    });
    for (const set of response.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(set)!;
      this.#cookies.set(name!, value!);
    }
    return response;
  }

  async #text(path: string, options?: RequestInit): Promise<string> {
    const response = await this.#ask(path, options);
    const text = await response.text();
    if (!response.ok) throw new Error(`${path}: ${response.status} ${text}`);
    return text;
  }

  /** A page that must be there. */
  read(path: string): Promise<string> {
    return this.#text(path);
  }

  async install(title: string, user: string, password: string): Promise<void> {
    const form = { weblog_title: title, user_name: user, admin_password: password, admin_password2: password };
    const body = new URLSearchParams({ ...form, admin_email: 'author@example.com', blog_public: '0' });
    const text = await this.#text('/wp-admin/install.php?step=2', { method: 'POST', body });
    if (!text.includes('Success!')) throw new Error(`the installation says ${text}`);
  }

  async logIn(user: string, password: string): Promise<void> {
    await this.read('/wp-login.php');
    const body = new URLSearchParams({ log: user, pwd: password });
    const { status } = await this.#ask('/wp-login.php', { method: 'POST', body });
    if (status !== 302) throw new Error(`the login answers ${status}`);
  }

  async write(title: string, content: string): Promise<void> {
    const nonce = await this.read('/wp-admin/admin-ajax.php?action=rest-nonce');
    const headers = { 'content-type': 'application/json', 'x-wp-nonce': nonce };
    const body = JSON.stringify({ title, content, status: 'publish' });
    await this.#text('/?rest_route=/wp/v2/posts', { method: 'POST', headers, body });
  }
}
