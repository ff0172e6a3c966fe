// Tells that a run was deleted, and lets it come back: from Strava by a job, which it follows.
import { useMutation } from 'urql';
import { Link } from 'wouter';
import { noteDeleted, useDeleted, type DeletedRun } from '../deleted.ts';
import { graphql } from '../graphql.ts';
import { useJob } from '../sync/JobProgress.tsx';
import { messageOf } from '../ui/states.tsx';

export const RestoreRun = graphql(`
  mutation RestoreRun($id: ID!) {
    restoreActivity(input: { activityId: $id }) {
      job { id }
      userErrors { message }
    }
  }
`);

export function DeletedNotice() {
  const run = useDeleted();
  return <div className="notice-place" role="status">{run && <Notice key={run.id} run={run} />}</div>;
}

function Notice({ run }: { run: DeletedRun }) {
  const [{ data, error, fetching }, restore] = useMutation(RestoreRun);
  const answer = data?.restoreActivity;
  const [job, unfollowed] = useJob(answer?.job?.id ?? null);
  const problem = run.problem ?? answer?.userErrors[0]?.message ?? (error && messageOf(error))
    ?? (job?.isOver && job.status !== 'SUCCEEDED' ? job.error?.message ?? 'It was stopped.' : unfollowed);
  return (
    <div className="notice">
      <span>
        {problem ?? (job?.status === 'SUCCEEDED' ? `“${run.name}” is back.`
          : answer?.job ? 'Fetching it from Strava again …'
          : answer ? <>Send its file again on <Link href="/upload">Upload</Link>.</>
          : `“${run.name}” is deleted.`)}
      </span>
      {!answer && !run.problem && (
        <button type="button" className="button" disabled={fetching} onClick={() => restore({ id: run.id })}>Undo</button>
      )}
      <button type="button" className="button quiet" onClick={() => noteDeleted(null)}>Close</button>
    </div>
  );
}
