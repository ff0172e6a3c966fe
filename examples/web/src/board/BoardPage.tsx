// Who is fastest among those who share their runs on this server.
import { useState } from 'react';
import { DISTANCES, distanceName } from '../distances.ts';
import { graphql, type VariablesOf } from '../graphql.ts';
import { useShown } from '../shown.ts';
import { Empty, Failure, Skeleton } from '../ui/states.tsx';
import { Title } from '../ui/Title.tsx';
import { percent, recordTime, shortDay } from '../units.ts';
import { useViewer } from '../viewer.ts';

export const BoardQuery = graphql(`
  query Board($distance: StandardDistance!, $by: LeaderboardBasis!) {
    leaderboard(distance: $distance, by: $by, first: 100) {
      nodes {
        id
        elapsedTimeSeconds
        ageGrade { percent }
        athlete { id displayName }
        activity { id startedAtLocal }
      }
    }
  }
`);

type Variables = VariablesOf<typeof BoardQuery>;

export function BoardPage() {
  const { athlete } = useViewer();
  const [{ distance, by }, choose] = useState<Variables>({ distance: 'KM5', by: 'ELAPSED_TIME' });
  const [{ data, error }, ask] = useShown({ query: BoardQuery, variables: { distance, by } });
  const bests = data?.leaderboard?.nodes;
  return (
    <>
      <div className="page-head">
        <Title name="Leaderboard">Leaderboard</Title>
        <div className="row">
          <label className="field-inline">
            <span>Distance</span>
            <select value={distance} onChange={(event) => choose({ distance: event.target.value as Variables['distance'], by })}>
              {DISTANCES.map((each) => <option key={each} value={each}>{distanceName(each)}</option>)}
            </select>
          </label>
          <div className="choice" role="group" aria-label="Order">
            <button type="button" aria-pressed={by === 'ELAPSED_TIME'} onClick={() => choose({ distance, by: 'ELAPSED_TIME' })}>Time</button>
            <button type="button" aria-pressed={by === 'AGE_GRADE'} onClick={() => choose({ distance, by: 'AGE_GRADE' })}>Age grade</button>
          </div>
        </div>
      </div>
      <div className="card padded scrolls" role="region" aria-label="Times" tabIndex={0}>
        {!bests && (error ? <Failure error={error} retry={() => ask({ requestPolicy: 'network-only' })} /> : <Skeleton lines={6} height={32} />)}
        {bests?.length === 0 && <Empty icon="board" title="Nobody has a time over this distance" />}
        {bests && bests.length > 0 && (
          <table>
            <thead><tr><th scope="col">Rank</th><th scope="col" className="left">Runner</th><th scope="col">Time</th><th scope="col">Age grade</th><th scope="col">Day</th></tr></thead>
            <tbody>
              {bests.map((best, index) => (
                <tr key={best.id}>
                  <th scope="row">{index + 1}</th>
                  <td className="left">{best.athlete.displayName}{best.athlete.id === athlete.id && <span className="badge best">You</span>}</td>
                  <td className="strong">{recordTime(best.elapsedTimeSeconds)}</td>
                  <td>{best.ageGrade ? percent(best.ageGrade.percent) : '–'}</td>
                  <td>{shortDay(best.activity.startedAtLocal)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        )}
      </div>
    </>
  );
}
