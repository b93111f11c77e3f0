// What went wrong on the way to a server, in Go's words where we know them: users search for those.
const tlsFailures: Readonly<Record<string, string>> = {
  SELF_SIGNED_CERT_IN_CHAIN: 'certificate signed by unknown authority',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'certificate signed by unknown authority',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'certificate signed by unknown authority',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'certificate signed by unknown authority',
  CERT_SIGNATURE_FAILURE: 'certificate signed by unknown authority',
  CERT_HAS_EXPIRED: 'certificate has expired or is not yet valid',
  CERT_NOT_YET_VALID: 'certificate has expired or is not yet valid',
};

/** `host` is whom was asked for. */
export function describeNetworkError(err: NodeJS.ErrnoException, host: string): string {
  const { code = '', message, ...more } = err as NodeJS.ErrnoException & { address?: string; port?: number };
  if (code === 'ECONNREFUSED') return `dial tcp ${more.address}:${more.port}: connect: connection refused`;
  if (code === 'EHOSTUNREACH') return `dial tcp ${more.address}:${more.port}: connect: no route to host`;
  if (code === 'ENOTFOUND') return `dial tcp: lookup ${host}: no such host`;
  if (code === 'EAI_AGAIN') return `dial tcp: lookup ${host}: Temporary failure in name resolution`;
  if (code === 'ECONNRESET') return 'EOF';
  const tls = Object.hasOwn(tlsFailures, code) ? tlsFailures[code] : undefined;
  if (tls) return `tls: failed to verify certificate: x509: ${tls}`;
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID')
    return `tls: failed to verify certificate: x509: certificate is not valid for ${host}`;
  return message;
}
