// docs/files.md: an address for each file, the bytes by tus 1.0, then the job that imports.
import type { Client } from '@urql/core';
import { UNHURRIED } from '../client.ts';
import { graphql } from '../graphql.ts';
import { messageOf } from '../ui/states.tsx';

export const StageUploads = graphql(`
  mutation StageUploads($athlete: ID!, $files: [FileToStage!]!) {
    stageUploads(input: { athleteId: $athlete, files: $files }) {
      uploads { id url }
      userErrors { message }
    }
  }
`);

export const ImportActivities = graphql(`
  mutation ImportActivities($athlete: ID!, $uploads: [ID!]!) {
    importActivities(input: { athleteId: $athlete, uploadIds: $uploads }) {
      job { id }
      userErrors { message }
    }
  }
`);

export type Sending = { name: string; bytes: number; sent: number };

const PART_BYTES = 8 * 1024 * 1024;
const RETRY_MS = [0, 1000, 3000, 5000, 10_000, 20_000, 30_000];

/** Send files and start their import. Returns the job's id. Throws an error whose message is for people. */
export async function importFiles(client: Client, athlete: string, files: readonly File[], tell: (sending: Sending[]) => void): Promise<string> {
  const sending = files.map((file) => ({ name: file.name, bytes: file.size, sent: 0 }));
  tell(sending);
  const staged = await client
    .mutation(StageUploads, { athlete, files: files.map((file) => ({ name: file.name, sizeBytes: file.size })) }, UNHURRIED)
    .toPromise();
  if (staged.error) throw new Error(messageOf(staged.error));
  const { uploads, userErrors } = staged.data!.stageUploads;
  if (userErrors[0]) throw new Error(userErrors[0].message);
  for (const [index, upload] of uploads.entries()) {
    await send(files[index]!, upload.url, (sent) => {
      sending[index] = { ...sending[index]!, sent };
      tell([...sending]);
    });
  }
  const started = await client.mutation(ImportActivities, { athlete, uploads: uploads.map(({ id }) => id) }, UNHURRIED).toPromise();
  if (started.error) throw new Error(messageOf(started.error));
  const { job, userErrors: refusals } = started.data!.importActivities;
  if (!job) throw new Error(refusals[0]?.message ?? 'The import was refused.');
  return job.id;
}

async function send(file: File, url: string, tell: (sent: number) => void): Promise<void> {
  const { Upload } = await import('tus-js-client'); // only who uploads loads it
  const { pathname } = new URL(url); // the page may have come by another name of the server
  await new Promise<void>((resolve, reject) => {
    new Upload(file, {
      uploadUrl: pathname,
      chunkSize: PART_BYTES,
      retryDelays: RETRY_MS,
      storeFingerprintForResuming: false,
      onProgress: tell,
      onSuccess: () => resolve(),
      onError: (error) => reject(new Error(`${file.name} was not sent: ${reasonOf(error)}`)),
    }).start();
  });
}

/** The server's own sentence, if it answered. */
function reasonOf(error: Error & { originalResponse?: { getBody(): string } | null }): string {
  try {
    return JSON.parse(error.originalResponse!.getBody()).errors[0].message;
  } catch {
    return 'the connection was lost for too long. Try again.';
  }
}
