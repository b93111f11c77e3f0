// The flags of authentication, named as kube-apiserver's.
import { type Flags, type FlagTable, flag } from '../../machinery/flags.ts';
import { oidcFlags } from './oidc-flags.ts';

export const authenticationFlags = {
  'anonymous-auth': flag.boolean(
    'Requests without credentials are those of system:anonymous; with =false they are refused.',
    { default: true },
  ),
  'token-auth-file': flag.string('CSV file of tokens: token,user,uid and, in quotes, groups separated by commas.'),
  'enable-bootstrap-token-auth': flag.boolean(
    'Takes the tokens of Secrets of the type bootstrap.kubernetes.io/token in kube-system.',
    { default: false },
  ),
  'requestheader-client-ca-file': flag.string('CA of proxies that may say in headers whose request it is (PEM file).'),
  'requestheader-allowed-names': flag.list('Common names of such proxies; without any all that the CA has signed.', {
    default: [],
  }),
  'requestheader-username-headers': flag.list('Headers with the user, X-Remote-User.', { default: [] }),
  'requestheader-uid-headers': flag.list('Headers with the id of the user, X-Remote-Uid.', { default: [] }),
  'requestheader-group-headers': flag.list('Headers with a group each, X-Remote-Group.', { default: [] }),
  'requestheader-extra-headers-prefix': flag.list('How headers with more about the user begin, X-Remote-Extra-.', {
    default: [],
  }),
  'authentication-config': flag.string(
    'Issuers of ID tokens and anonymous access (AuthenticationConfiguration), in place of the flags of one issuer.',
  ),
  ...oidcFlags,
  'authentication-token-webhook-config-file': flag.string(
    'Kubeconfig that says who is asked about bearer tokens that nobody here knows.',
  ),
  'authentication-token-webhook-version': flag.string(
    'Version of authentication.k8s.io that it speaks: v1 or v1beta1.',
    { default: 'v1beta1' },
  ),
  'authentication-token-webhook-cache-ttl': flag.string('How long its answers are kept.', { default: '2m0s' }),
} as const satisfies FlagTable;

export type AuthenticationOptions = Flags<typeof authenticationFlags>;
