// A background job, followed to its end over the subscription.
import { useEffect, useState } from 'react';
import { useMutation, useSubscription } from 'urql';
import { graphql, type ResultOf } from '../graphql.ts';
import { messageOf } from '../ui/states.tsx';
import { ownTime, roughly } from '../units.ts';

export const JobUpdated = graphql(`
  subscription JobUpdated($id: ID!) {
    jobUpdated(id: $id) {
      id
      kind
      status
      version
      waitingUntil
      athlete { id }
      progress { done total percent estimatedSecondsLeft message }
      error { message retryable }
      problems { message stravaId }
      result { activitiesCreated activitiesUpdated activitiesDeleted personalBestsChanged }
    }
  }
`);

type Job = NonNullable<ResultOf<typeof JobUpdated>['jobUpdated']>;
/** `follow` is for a job that goes on after its end, as one that is tried again does. */
export type WatchedJob = Job & { isOver: boolean; follow: () => void };

const OVER = new Set(['SUCCEEDED', 'FAILED', 'CANCELLED']);

/** The newest state of a job, null before the first event and without an id; and why it is followed no longer. */
export function useJob(id: string | null): [job: WatchedJob | null, problem: string | null] {
  const [newest, setNewest] = useState<Job | null>(null);
  const [{ data, error }, follow] = useSubscription({ query: JobUpdated, variables: { id: id ?? '' }, pause: id === null });
  const job = data?.jobUpdated ?? null;
  useEffect(() => {
    if (job) setNewest((known) => (known?.id === job.id && known.version > job.version ? known : job));
  }, [job]);
  const known = newest !== null && newest.id === id ? { ...newest, isOver: OVER.has(newest.status), follow } : null;
  return [known, id !== null && error && !known?.isOver ? `It goes on, but cannot be followed: ${messageOf(error)}` : null];
}

const plural = (count: number, one: string): string => `${count} ${one}${count === 1 ? '' : 's'}`;

function outcomeOf({ result }: Job): string {
  if (!result) return '';
  const parts = [
    result.activitiesCreated && `${plural(result.activitiesCreated, 'new run')}`,
    result.activitiesUpdated && `${result.activitiesUpdated} changed`,
    result.activitiesDeleted && `${result.activitiesDeleted} deleted`,
    result.personalBestsChanged && `${plural(result.personalBestsChanged, 'personal best')} changed`,
  ].filter(Boolean);
  return parts.length ? parts.join(', ') : 'Nothing new';
}

export const RetryJob = graphql(`
  mutation RetryJob($id: ID!) {
    retryJob(input: { id: $id }) { job { id status version } userErrors { message } }
  }
`);

export function JobProgress({ job, done }: { job: WatchedJob; done: string }) {
  const { progress } = job;
  if (job.status === 'SUCCEEDED') {
    return (
      <div className="job" role="status">
        <p className="job-done">{done} · {outcomeOf(job)}</p>
        {job.problems.length > 0 && <Problems job={job} />}
      </div>
    );
  }
  if (job.isOver) {
    return (
      <div className="job" role="alert">
        <p className="problem">{job.error?.message ?? 'It was stopped.'}</p>
        {job.error?.retryable && <Retry job={job} />}
      </div>
    );
  }
  const percent = progress.percent ?? (progress.total ? (100 * progress.done) / progress.total : null);
  return (
    <div className="job">
      <progress className="bar" max={100} value={percent ?? undefined} aria-label="Progress" />
      <div className="job-line" role="status">
        <span>{stepOf(job)}</span>
        <span className="job-left">
          {progress.total !== null && `${progress.done} of ${progress.total}`}
          {progress.estimatedSecondsLeft !== null && `, ${roughly(progress.estimatedSecondsLeft)} left`}
        </span>
      </div>
    </div>
  );
}

function Retry({ job: { id, follow } }: { job: WatchedJob }) {
  const [{ data, error, fetching }, retry] = useMutation(RetryJob);
  const again = async () => {
    const { data: answer } = await retry({ id });
    if (answer?.retryJob.job) follow();
  };
  const problem = data?.retryJob.userErrors[0]?.message ?? (error && messageOf(error));
  return (
    <>
      <button type="button" className="button" disabled={fetching} onClick={again}>Try again</button>
      {problem && <p className="problem">{problem}</p>}
    </>
  );
}

function stepOf({ status, progress, waitingUntil }: Job): string {
  if (status === 'QUEUED') return 'Waiting for a worker';
  if (status === 'WAITING') return `Paused${waitingUntil ? ` until ${ownTime(waitingUntil)}` : ''}`;
  return progress.message ?? 'Working';
}

function Problems({ job }: { job: Job }) {
  return (
    <details className="quiet-text">
      <summary>{job.problems.length} left out</summary>
      <ul>{job.problems.map((each, index) => <li key={index}>{each.message}</li>)}</ul>
    </details>
  );
}
