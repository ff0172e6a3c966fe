// #region socket
import { createClient } from 'graphql-ws';
import { api, authorization } from './session';

let sent: string | undefined;
let patience: ReturnType<typeof setTimeout> | undefined;

/** Tries again for as long as it takes, but not with a credential that was refused (4403). */
export const socket = createClient({
  url: `${api.replace(/^http/, 'ws')}/graphql`,
  connectionParams: () => {
    const headers = authorization();
    sent = headers.Authorization;
    return headers;
  },
  retryAttempts: Infinity,
  shouldRetry: (problem) =>
    (problem as { code?: number } | undefined)?.code !== 4403 || authorization().Authorization !== sent,
  // A phone that changes its network is not told that the socket is dead: only a missing answer tells.
  keepAlive: 20_000,
  on: {
    ping: (isReceived) => { if (!isReceived) patience = setTimeout(() => socket.terminate(), 5000); },
    pong: () => clearTimeout(patience),
    closed: () => clearTimeout(patience),
  },
});
// #endregion socket
