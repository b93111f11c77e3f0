// The flags of authentication, named as kube-apiserver's.
import type { Flags, FlagTable } from '../../machinery/flags.ts';
import { oidcFlags } from './oidc-flags.ts';

export const authenticationFlags = {
  'anonymous-auth': {
    type: 'boolean',
    doc: 'Requests without credentials are those of system:anonymous; with =false they are refused.',
    default: true,
  },
  'token-auth-file': {
    type: 'string',
    doc: 'CSV file of tokens: token,user,uid and, in quotes, groups separated by commas.',
  },
  'enable-bootstrap-token-auth': {
    type: 'boolean',
    doc: 'Takes the tokens of Secrets of the type bootstrap.kubernetes.io/token in kube-system.',
    default: false,
  },
  'requestheader-client-ca-file': {
    type: 'string',
    doc: 'CA of proxies that may say in headers whose request it is (PEM file).',
  },
  'requestheader-allowed-names': {
    type: 'list',
    doc: 'Common names of such proxies; without any all that the CA has signed.',
    default: [],
  },
  'requestheader-username-headers': { type: 'list', doc: 'Headers with the user, X-Remote-User.', default: [] },
  'requestheader-uid-headers': { type: 'list', doc: 'Headers with the id of the user, X-Remote-Uid.', default: [] },
  'requestheader-group-headers': { type: 'list', doc: 'Headers with a group each, X-Remote-Group.', default: [] },
  'requestheader-extra-headers-prefix': {
    type: 'list',
    doc: 'How headers with more about the user begin, X-Remote-Extra-.',
    default: [],
  },
  'authentication-config': {
    type: 'string',
    doc: 'Issuers of ID tokens and anonymous access (AuthenticationConfiguration), in place of the flags of one issuer.',
  },
  ...oidcFlags,
  'authentication-token-webhook-config-file': {
    type: 'string',
    doc: 'Kubeconfig that says who is asked about bearer tokens that nobody here knows.',
  },
  'authentication-token-webhook-version': {
    type: 'string',
    doc: 'Version of authentication.k8s.io that it speaks: v1 or v1beta1.',
    default: 'v1beta1',
  },
  'authentication-token-webhook-cache-ttl': { type: 'string', doc: 'How long its answers are kept.', default: '2m0s' },
} as const satisfies FlagTable;

export type AuthenticationOptions = Flags<typeof authenticationFlags>;
