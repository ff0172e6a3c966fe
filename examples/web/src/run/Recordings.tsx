// A run that was recorded more than once: which recording counts, and how to choose another.
import { useMutation } from 'urql';
import { Link } from 'wouter';
import { graphql, readFragment, type FragmentOf } from '../graphql.ts';
import { runPath } from '../pages.ts';
import { messageOf } from '../ui/states.tsx';
import { clock } from '../units.ts';
import { useViewer } from '../viewer.ts';

export const Recordings_activity = graphql(`
  fragment Recordings_activity on Activity {
    id
    recordings { id name source deviceName startedAtLocal recordingChoice }
  }
`);

export const ChooseRecording = graphql(`
  mutation ChooseRecording($id: ID!, $undo: Boolean!) {
    chooseRecording(input: { activityId: $id, undo: $undo }) {
      activity { id recordings { id recordingChoice recordings { id } } }
      userErrors { message }
    }
  }
`);

const SOURCES: Record<string, string> = { STRAVA: 'Strava', FILE: 'File' };

export function Recordings({ activity }: { activity: FragmentOf<typeof Recordings_activity> }) {
  const { id, recordings } = readFragment(Recordings_activity, activity);
  const { maySync } = useViewer();
  const [{ data, error, fetching }, choose] = useMutation(ChooseRecording);
  if (recordings.length < 2) return null;
  const problem = data?.chooseRecording.userErrors[0]?.message ?? (error && messageOf(error));
  return (
    <section className="card recordings" aria-labelledby="recordings">
      <div className="card-head"><h2 id="recordings">Recorded {recordings.length} times</h2></div>
      <ul>
        {recordings.map((each, index) => (
          <li key={each.id}>
            <span>
              {each.id === id ? <strong>{each.name}</strong> : <Link href={runPath(each.id)}>{each.name}</Link>}
              <span className="quiet-text"> {each.deviceName ?? SOURCES[each.source] ?? each.source}, {clock(each.startedAtLocal)}</span>
            </span>
            {index === 0 && <span className="badge best">Counts</span>}
            {maySync && index > 0 && (
              <button type="button" className="button" disabled={fetching} onClick={() => choose({ id: each.id, undo: false })}>
                Let this one count
              </button>
            )}
            {maySync && index === 0 && each.recordingChoice === 'CHOSEN' && (
              <button type="button" className="button quiet" disabled={fetching} onClick={() => choose({ id: each.id, undo: true })}>
                Let the rules choose
              </button>
            )}
          </li>
        ))}
      </ul>
      {problem && <p className="problem" role="alert">{problem}</p>}
    </section>
  );
}
