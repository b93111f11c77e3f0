// Who may use the kubelet's server: holders of a client certificate of the cluster's CA that names
// the API server's client or an admin. Upstream asks the API server (TokenReview,
// SubjectAccessReview); certificates need no such question.
import type { TLSSocket } from 'node:tls';

const allowedUsers = new Set(['kube-apiserver-kubelet-client', 'kubernetes-admin']);
const allowedGroups = new Set(['system:masters', 'kubeadm:cluster-admins']);

/** Why a client is refused; undefined when it is let in. */
export function judgeClient(socket: TLSSocket): { code: 401 | 403; message: string } | undefined {
  const { subject } = socket.getPeerCertificate();
  if (!socket.authorized || !subject) return { code: 401, message: 'Unauthorized' };
  // Several organizations of a subject are a list.
  const groups = ([] as string[]).concat(subject.O ?? []);
  const [user = ''] = ([] as string[]).concat(subject.CN ?? []);
  if (allowedUsers.has(user) || groups.some((group) => allowedGroups.has(group))) return undefined;
  return { code: 403, message: `Forbidden (user=${user}, verb=get, resource=nodes, subresource(s)=[proxy])` };
}
