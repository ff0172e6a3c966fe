// Fetches runs from Strava and shows how far it is, live, also after a reload or a lost connection.
import { useEffect, useState } from 'react';
import { useMutation } from 'urql';
import { graphql } from '../graphql.ts';
import { useShown } from '../shown.ts';
import { Icon } from '../ui/Icon.tsx';
import { messageOf } from '../ui/states.tsx';
import { ago } from '../units.ts';
import { useViewer } from '../viewer.ts';
import { JobProgress, useJob } from './JobProgress.tsx';

export const RunningSyncs = graphql(`
  query RunningSyncs($athlete: ID!) {
    athlete(id: $athlete) {
      id
      stravaConnection { connectedAt lastSyncedAt refusedAt }
      jobs(first: 1, filter: { kinds: [STRAVA_SYNC], statuses: [QUEUED, RUNNING, WAITING] }) { nodes { id } }
    }
  }
`);

export const StartSync = graphql(`
  mutation StartSync($athlete: ID!) {
    syncStrava(input: { athleteId: $athlete }) {
      job { id }
      userErrors { message }
    }
  }
`);

export function SyncCard() {
  const { athlete, maySync } = useViewer();
  const [{ data }] = useShown({ query: RunningSyncs, variables: { athlete: athlete.id } });
  const [{ fetching, error }, start] = useMutation(StartSync);
  const [refusal, setRefusal] = useState<string | null>(null);
  const [jobId, watch] = useState<string | null>(null);
  const running = data?.athlete?.jobs?.nodes[0]?.id;
  useEffect(() => {
    if (running) watch(running);
  }, [running]);
  const [job, unfollowed] = useJob(jobId);
  const strava = data?.athlete ? data.athlete.stravaConnection : athlete.stravaConnection;

  if (!strava || strava.refusedAt) return <NotConnected wasRefused={!!strava?.refusedAt} />;
  const sync = async () => {
    setRefusal(null);
    const { data: answer } = await start({ athlete: athlete.id });
    const refused = answer?.syncStrava.userErrors[0]?.message;
    if (refused) setRefusal(refused);
    else watch(answer?.syncStrava.job?.id ?? null);
  };
  const isBusy = fetching || (job !== null && !job.isOver && !unfollowed);
  const problem = refusal ?? (error ? messageOf(error) : unfollowed);
  return (
    <section className="sync card" aria-label="Strava">
      <div className="sync-head">
        <div>
          <strong>Strava</strong>
          <span className="quiet-text">
            {strava.lastSyncedAt ? `Last fetched ${ago(strava.lastSyncedAt)}` : 'Not fetched yet'}
          </span>
        </div>
        <button type="button" className="button primary" onClick={sync} disabled={isBusy || !maySync}>
          <Icon name="sync" />{isBusy ? 'Fetching …' : 'Fetch runs'}
        </button>
      </div>
      {!maySync && <p className="quiet-text">This token may only read. Sign in to fetch runs.</p>}
      {problem && <p className="problem" role="alert">{problem}</p>}
      {job && <JobProgress job={job} done="Up to date" />}
    </section>
  );
}

function NotConnected({ wasRefused }: { wasRefused: boolean }) {
  return (
    <section className="sync card" aria-label="Strava">
      <div className="sync-head">
        <div>
          <strong>{wasRefused ? 'Strava no longer accepts the connection' : 'Not connected to Strava'}</strong>
          <span className="quiet-text">Connect to fetch your runs. What is here stays.</span>
        </div>
        <a className="button primary" href="/auth/strava?returnTo=/">Connect</a>
      </div>
    </section>
  );
}
