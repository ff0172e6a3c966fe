// Time in heart rate zones over all runs, and where the zones begin.
import { useState, type FormEvent } from 'react';
import { useMutation } from 'urql';
import { graphql, readFragment, type FragmentOf } from '../graphql.ts';
import { messageOf } from '../ui/states.tsx';
import { hours, percent } from '../units.ts';
import { useViewer } from '../viewer.ts';

export const Zones_athlete = graphql(`
  fragment Zones_athlete on Athlete {
    id
    heartRateZones { number lowestBeatsPerMinute belowBeatsPerMinute }
    timeInHeartRateZones { number seconds }
  }
`);

export const SetZones = graphql(`
  mutation SetZones($athlete: ID!, $from: Date!, $lowest: [Int!]!) {
    updateAthlete(input: { athleteId: $athlete, heartRateZones: { validFrom: $from, lowestBeatsPerMinute: $lowest } }) {
      athlete { id ...Zones_athlete }
      userErrors { message }
    }
  }
`, [Zones_athlete]);

const FIVE = [110, 130, 148, 163, 176]; // a beginning, to be changed
const ALL_RUNS = '1970-01-01';

export function Zones({ athlete }: { athlete: FragmentOf<typeof Zones_athlete> }) {
  const { id, heartRateZones: zones, timeInHeartRateZones: times } = readFragment(Zones_athlete, athlete);
  const total = times.reduce((sum, each) => sum + each.seconds, 0);
  return (
    <section className="card padded" aria-labelledby="zones">
      <div className="card-head"><h2 id="zones">Heart rate zones</h2></div>
      {zones.length > 0 && total === 0 && <p className="quiet-text">No run has recorded heart rates within these zones.</p>}
      {total > 0 && (
        <ul className="meters">
          {zones.map((zone) => {
            const seconds = times.find(({ number }) => number === zone.number)?.seconds ?? 0;
            return (
              <li key={zone.number}>
                <span>Zone {zone.number} <span className="quiet-text">from {zone.lowestBeatsPerMinute}</span></span>
                <span className="meter"><span className={`zone-${zone.number}`} style={{ width: `${(100 * seconds) / total}%` }} /></span>
                <span className="meter-value">{hours(seconds)} · {percent((100 * seconds) / total)}</span>
              </li>
            );
          })}
        </ul>
      )}
      <ZoneForm key={zones.map((zone) => zone.lowestBeatsPerMinute).join()} athleteId={id} lowest={zones.map((zone) => zone.lowestBeatsPerMinute)} />
    </section>
  );
}

function ZoneForm({ athleteId, lowest }: { athleteId: string; lowest: number[] }) {
  const { maySync } = useViewer();
  const [values, setValues] = useState(() => (lowest.length ? lowest : FIVE).map(String));
  const [{ fetching, data, error }, save] = useMutation(SetZones);
  const problem = error ? messageOf(error) : data?.updateAthlete.userErrors[0]?.message;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void save({ athlete: athleteId, from: ALL_RUNS, lowest: values.map(Number) });
  };
  if (!maySync) return null;
  return (
    <form className="zone-form" onSubmit={submit}>
      <fieldset>
        <legend>{lowest.length ? 'Each zone begins at' : 'Say where your zones begin, and the time in each is shown'}</legend>
        {values.map((value, index) => (
          <label key={index}>
            <span>Zone {index + 1}</span>
            <input
              type="number" min={0} max={250} required value={value}
              onChange={(event) => setValues(values.map((each, at) => (at === index ? event.target.value : each)))}
            />
          </label>
        ))}
        <button type="submit" className="button" disabled={fetching}>Save zones</button>
      </fieldset>
      {problem && <p className="problem" role="alert">{problem}</p>}
    </form>
  );
}
