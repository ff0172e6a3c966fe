// The run that was deleted last, until the notice about it is closed.
import { useSyncExternalStore } from 'react';

export type DeletedRun = { id: string; name: string; problem?: string };

let last: DeletedRun | null = null;
const listeners = new Set<() => void>();

export function noteDeleted(run: DeletedRun | null): void {
  last = run;
  for (const listener of listeners) listener();
}

function watch(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export const useDeleted = (): DeletedRun | null => useSyncExternalStore(watch, () => last);
