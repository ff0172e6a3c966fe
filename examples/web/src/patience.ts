// What is refused because a budget is used up ran nothing: it is sent again when the server says so. A subscription that
// ends for another reason begins again too, after pauses that grow.
import type { Client as SocketClient, Sink, SubscribePayload } from 'graphql-ws';

const MOST_ATTEMPTS = 4;
/** Seconds that a person waits for an edit without a word, and that what is shown may be old. */
const MOST_WAIT_S = { mutation: 5, query: 60 };

/** Seconds before a subscription begins again after an end that names no time; the last for all further ones. */
const PAUSES_S = [1, 2, 4, 8, 15, 30, 60] as const;
/** Ends in a row after which people are told. */
const AWAY_AFTER = 3;
/** What is refused is refused at once: a subscription that lasts longer works. */
const WORKS_AFTER_MS = 5000;

const pause = (seconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, seconds * 1000));

/** `fetch`, again after `Retry-After` where the answer is 429. */
export const patientFetch = (kind: keyof typeof MOST_WAIT_S): typeof fetch => async (input, init) => {
  for (let attempt = 1; ; attempt += 1) {
    const answer = await fetch(input, init);
    const waitS = Number(answer.headers.get('retry-after') ?? Infinity);
    if (answer.status !== 429 || attempt === MOST_ATTEMPTS || !(waitS <= MOST_WAIT_S[kind])) return answer;
    await pause(waitS);
  }
};

type Refusal = { extensions?: { retryAfterSeconds?: unknown } };

/** The seconds after which a refused subscription may begin again; null for another error. */
function waitOf(error: unknown): number | null {
  const refusals = Array.isArray(error) ? (error as Refusal[]) : [];
  const waits = refusals.map(({ extensions }) => extensions?.retryAfterSeconds).filter((each) => typeof each === 'number');
  return waits.length ? Math.max(...waits) : null;
}

const pauseAfter = (failures: number): number => PAUSES_S[Math.min(failures, PAUSES_S.length) - 1]!;

type Payload = () => SubscribePayload;
/** `ended` hears why, null for a completed one, and returns the seconds until it begins again, null for never. */
type Follower<T> = { next: Sink<T>['next']; ended: (problem: unknown) => number | null };

/** Subscribe, again as `ended` says. Returns how to stop that. */
function subscribe<T>(socket: SocketClient, payload: Payload, { next, ended }: Follower<T>): () => void {
  let timer = 0;
  let stop = () => {};
  let isOver = false; // graphql-ws completes what is stopped
  const look = (problem: unknown) => {
    const waitS = isOver ? null : ended(problem);
    if (waitS !== null) timer = window.setTimeout(begin, waitS * 1000);
  };
  const begin = () => {
    stop = socket.subscribe<T>(payload(), { next: (value) => next(value as never), error: look, complete: () => look(null) });
  };
  begin();
  return () => {
    isOver = true;
    clearTimeout(timer);
    stop();
  };
}

/** Subscribe to what completes. `sink` hears of an error that stays after some attempts. */
export function subscribePatiently<T>(socket: SocketClient, payload: Payload, sink: Sink<T>): () => void {
  let failures = 0;
  return subscribe<T>(socket, payload, {
    next(value) {
      failures = 0;
      sink.next(value);
    },
    ended(problem) {
      if (problem === null) {
        sink.complete();
        return null;
      }
      const waitS = waitOf(problem);
      if (waitS !== null) return waitS;
      failures += 1;
      if (failures < MOST_ATTEMPTS) return pauseAfter(failures);
      sink.error(problem);
      return null;
    },
  });
}

/** Subscribe to what never completes, for as long as it takes. `tellAway` hears when it stays away, and when it is back. */
export function follow<T>(socket: SocketClient, payload: Payload, next: Sink<T>['next'], tellAway: (isAway: boolean) => void): () => void {
  let failures = 0;
  let timer = 0;
  const works = () => {
    clearTimeout(timer);
    failures = 0;
    tellAway(false);
  };
  const begun = () => {
    timer = window.setTimeout(works, WORKS_AFTER_MS);
    return payload();
  };
  const stop = subscribe<T>(socket, begun, {
    next(value) {
      works();
      next(value);
    },
    ended(problem) {
      clearTimeout(timer);
      failures += 1;
      if (failures >= AWAY_AFTER) tellAway(true);
      return waitOf(problem) ?? pauseAfter(failures);
    },
  });
  return () => {
    clearTimeout(timer);
    stop();
  };
}
