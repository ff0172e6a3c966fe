// Training load: what each day asked of the heart, and fitness and fatigue that follow from it.
import { useState, type FormEvent } from 'react';
import { useMutation } from 'urql';
import { Link } from 'wouter';
import { ticks } from '../charts/scale.ts';
import { dateTicks, XYChart } from '../charts/XYChart.tsx';
import { graphql, type ResultOf } from '../graphql.ts';
import { useShown } from '../shown.ts';
import { Figures } from '../ui/Figures.tsx';
import { Failure, messageOf, Skeleton } from '../ui/states.tsx';
import { millis, shortDay, tick, whole } from '../units.ts';
import { useViewer } from '../viewer.ts';

export const LoadQuery = graphql(`
  query Load($athlete: ID!, $days: Int!, $until: Date) {
    athlete(id: $athlete) {
      id
      sex
      restingHeartRate
      maxHeartRate
      trainingLoad(days: $days, until: $until) { day load fitness fatigue form runsWithoutHeartRate }
    }
  }
`);

export const SetHeartRates = graphql(`
  mutation SetHeartRates($athlete: ID!, $resting: Int!, $max: Int!) {
    updateAthlete(input: { athleteId: $athlete, restingHeartRate: $resting, maxHeartRate: $max }) {
      athlete { id restingHeartRate maxHeartRate }
      userErrors { message }
    }
  }
`);

type Day = NonNullable<NonNullable<ResultOf<typeof LoadQuery>['athlete']>['trainingLoad']>[number];

const DAY_MS = 86_400_000;
const SHOWN_DAYS = 90;

/** Up to today; of a runner who has not run for as long as is shown, up to the last run. */
const lastDay = (lastRun: string): string | null =>
  Date.now() - millis(lastRun) > SHOWN_DAYS * DAY_MS ? lastRun.slice(0, 10) : null;

export function Load({ athleteId, lastRun }: { athleteId: string; lastRun: string }) {
  const variables = { athlete: athleteId, days: SHOWN_DAYS, until: lastDay(lastRun) };
  const [{ data, error }, ask] = useShown({ query: LoadQuery, variables });
  if (error) return <Failure error={error} retry={() => ask({ requestPolicy: 'network-only' })} />;
  if (!data?.athlete) return <Skeleton height={320} />;
  const { id, sex, restingHeartRate, maxHeartRate } = data.athlete;
  const trainingLoad = data.athlete.trainingLoad ?? [];
  return (
    <section className="card padded" aria-labelledby="load">
      <div className="card-head">
        <h2 id="load">Training load</h2>
        {trainingLoad.length > 0 && (
          <span className="quiet-text">
            TRIMP by day, <span className="track-name tone-climb">fitness</span> over 42 and <span className="track-name tone-heart">fatigue</span> over 7 days
          </span>
        )}
      </div>
      {trainingLoad.length > 0 && <Days days={trainingLoad} />}
      {sex === null && <p className="quiet-text">It needs your sex, too: say it in the <Link href="/settings">settings</Link>.</p>}
      <HeartRateForm key={`${restingHeartRate} ${maxHeartRate}`} athleteId={id} resting={restingHeartRate} max={maxHeartRate} />
    </section>
  );
}

function Days({ days }: { days: readonly Day[] }) {
  const [first, last] = [days[0]!, days[days.length - 1]!];
  const xDomain = [millis(first.day), millis(last.day) + DAY_MS] as const;
  const highest = Math.max(...days.flatMap(({ load, fitness, fatigue }) => [load, fitness, fatigue]));
  const yDomain = [0, highest * 1.06 || 1] as const;
  const unknown = days.reduce((sum, each) => sum + each.runsWithoutHeartRate, 0);
  const curve = (of: 'fitness' | 'fatigue') => days.map((each) => ({ x: millis(each.day) + DAY_MS, y: each[of] }));
  return (
    <>
      <XYChart
        name={`Training load of ${days.length} days up to ${shortDay(last.day)}: fitness ${whole(last.fitness)}, fatigue ${whole(last.fatigue)}, form ${whole(last.form)}`}
        xDomain={xDomain}
        yDomain={yDomain}
        bars={days.filter(({ load }) => load > 0).map(({ day, load }) => ({ x: millis(day), width: DAY_MS, y: load, label: `${shortDay(day)}: ${whole(load)}` }))}
        lines={[{ points: curve('fatigue'), tone: 'tone-heart' }, { points: curve('fitness'), tone: 'tone-climb' }]}
        xTicks={dateTicks(xDomain, 6)}
        yTicks={ticks(yDomain, 4).map((at) => ({ at, label: tick(at) }))}
      />
      <Figures size="small" of={[
        ['Fitness', { value: whole(last.fitness), unit: '' }],
        ['Fatigue', { value: whole(last.fatigue), unit: '' }],
        ['Form', { value: whole(last.form), unit: '' }],
        ['Load of 7 days', { value: whole(days.slice(-7).reduce((sum, each) => sum + each.load, 0)), unit: '' }],
      ]} />
      {unknown > 0 && <p className="quiet-text">{unknown === 1 ? 'One run has' : `${unknown} runs have`} no heart rate: the load is missing.</p>}
    </>
  );
}

function HeartRateForm({ athleteId, resting, max }: { athleteId: string; resting: number | null; max: number | null }) {
  const { maySync } = useViewer();
  const [values, setValues] = useState({ resting: String(resting ?? ''), max: String(max ?? '') });
  const [{ fetching, data, error }, save] = useMutation(SetHeartRates);
  const problem = error ? messageOf(error) : data?.updateAthlete.userErrors[0]?.message;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void save({ athlete: athleteId, resting: Number(values.resting), max: Number(values.max) });
  };
  if (!maySync) return null;
  return (
    <form className="zone-form" onSubmit={submit}>
      <fieldset>
        <legend>{resting === null || max === null ? 'Say your heart rates, and the load of each day is shown' : 'Computed by these heart rates, in beats per minute'}</legend>
        <label>
          <span>At rest</span>
          <input type="number" min={20} max={99} required value={values.resting} onChange={(event) => setValues({ ...values, resting: event.target.value })} />
        </label>
        <label>
          <span>Maximum</span>
          <input type="number" min={100} max={250} required value={values.max} onChange={(event) => setValues({ ...values, max: event.target.value })} />
        </label>
        <button type="submit" className="button" disabled={fetching}>Save heart rates</button>
      </fieldset>
      {problem && <p className="problem" role="alert">{problem}</p>}
    </form>
  );
}
