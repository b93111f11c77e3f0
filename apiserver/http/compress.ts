// gzip, as kube-apiserver compresses.
import { one } from '../server-headers.ts';
import { gzip, sizeOf } from './body.ts';
import type { FrontRequest, FrontResponse } from './front.ts';

const aboveBytes = 128 * 1024;

/** Compresses what is large for a client that takes it. */
export async function compress(front: Pick<FrontRequest, 'headers'>, response: FrontResponse): Promise<FrontResponse> {
  const accepts = one(front.headers['accept-encoding'])
    ?.split(',')
    .some((token) => token.trim() === 'gzip');
  if (!accepts || sizeOf(response.body) < aboveBytes) return response;
  const { body, headers } = response;
  return {
    ...response,
    body: await gzip(body),
    headers: { ...headers, 'content-encoding': 'gzip', vary: 'Accept-Encoding' },
  };
}
