// What is refused because a budget is used up ran nothing: it is sent again when the server says so.
import type { Client as SocketClient, Sink, SubscribePayload } from 'graphql-ws';

const MOST_ATTEMPTS = 4;
/** Seconds that a person waits for an edit without a word, and that what is shown may be old. */
const MOST_WAIT_S = { mutation: 5, query: 60 };

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

/** Subscribe, again where an event was refused. `payload` may be made anew for each time. */
export function subscribePatiently<T>(socket: SocketClient, payload: () => SubscribePayload, sink: Sink<T>): () => void {
  let timer = 0;
  let stop = () => {};
  const begin = () => {
    stop = socket.subscribe<T>(payload(), {
      next: (value) => sink.next(value as never),
      complete: () => sink.complete(),
      error: (error) => {
        const waitS = waitOf(error);
        if (waitS === null) sink.error(error);
        else timer = window.setTimeout(begin, waitS * 1000);
      },
    });
  };
  begin();
  return () => {
    clearTimeout(timer);
    stop();
  };
}
