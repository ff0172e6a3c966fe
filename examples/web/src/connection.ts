// Whether the server can be reached, as the last request and the socket found.
import { useSyncExternalStore } from 'react';

let isLost = false;
const listeners = new Set<() => void>();

export function noteConnection(works: boolean): void {
  if (isLost !== works) return;
  isLost = !works;
  for (const listener of listeners) listener();
}

/** Calls `listener` when the connection is lost or back. Returns how to stop that. */
export function watchConnection(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** The browser says at once when its network is gone; requests then find when it is back. */
export const listenToBrowser = (): void => window.addEventListener('offline', () => noteConnection(false));

export const connectionIsLost = (): boolean => isLost;

export const useConnectionIsLost = (): boolean =>
  useSyncExternalStore(watchConnection, connectionIsLost);
