// What the app and the age grades need to know of the runner, and the way out.
import { useState, type FormEvent } from 'react';
import { useMutation } from 'urql';
import { graphql } from '../graphql.ts';
import { messageOf } from '../ui/states.tsx';
import { Title } from '../ui/Title.tsx';
import { ownDay } from '../units.ts';
import { useViewer, type Athlete } from '../viewer.ts';

export const SaveAthlete = graphql(`
  mutation SaveAthlete($input: UpdateAthleteInput!) {
    updateAthlete(input: $input) {
      athlete { id displayName measurementSystem sex birthDate shares sharesAgeGrades }
      userErrors { field message }
    }
  }
`);

export function SettingsPage() {
  const { athlete, maySync, signOut } = useViewer();
  return (
    <>
      <div className="page-head"><Title name="Settings">{athlete.displayName}</Title></div>
      <div className="stack narrow">
        {maySync ? <Form athlete={athlete} /> : <p className="card padded">This token may only read. Sign in to change settings.</p>}
        <section className="card padded" aria-labelledby="account">
          <div className="card-head"><h2 id="account">Account</h2></div>
          <p className="quiet-text">
            {athlete.stravaConnection ? `Connected to Strava since ${ownDay(athlete.stravaConnection.connectedAt)}.` : 'Not connected to Strava.'}
            {' '}Everything here is also in the <a href="/graphiql">GraphQL API</a>.
          </p>
          <div className="row">
            <a className="button" href="/auth/strava?returnTo=/settings">Connect Strava again</a>
            <button type="button" className="button danger" onClick={signOut}>Sign out</button>
          </div>
        </section>
      </div>
    </>
  );
}

function Form({ athlete }: { athlete: Athlete }) {
  const [form, setForm] = useState({
    measurementSystem: athlete.measurementSystem, sex: athlete.sex, birthDate: athlete.birthDate ?? '',
    shares: athlete.shares ?? false, sharesAgeGrades: athlete.sharesAgeGrades ?? false,
  });
  const [{ fetching, data, error }, save] = useMutation(SaveAthlete);
  const refused = data?.updateAthlete.userErrors[0]?.message;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void save({ input: { athleteId: athlete.id, ...form, birthDate: form.birthDate || null } });
  };
  const change = <Name extends keyof typeof form>(name: Name, value: (typeof form)[Name]) => setForm({ ...form, [name]: value });
  return (
    <form className="card padded fields" onSubmit={submit}>
      <label>
        <span>Units</span>
        <select value={form.measurementSystem} onChange={(event) => change('measurementSystem', event.target.value as 'METRIC' | 'IMPERIAL')}>
          <option value="METRIC">Kilometers</option>
          <option value="IMPERIAL">Miles</option>
        </select>
      </label>
      <label>
        <span>Sex, for age grades</span>
        <select value={form.sex ?? ''} onChange={(event) => change('sex', (event.target.value || null) as 'FEMALE' | 'MALE' | null)}>
          <option value="">Not given</option>
          <option value="FEMALE">Female</option>
          <option value="MALE">Male</option>
        </select>
      </label>
      <label>
        <span>Date of birth, for age grades</span>
        <input type="date" min="1900-01-01" value={form.birthDate} onChange={(event) => change('birthDate', event.target.value)} />
      </label>
      <label className="check">
        <input type="checkbox" checked={form.shares} onChange={(event) => change('shares', event.target.checked)} />
        <span>Others on this server may see my public runs, if its operator lets runners share</span>
      </label>
      <label className="check">
        <input type="checkbox" checked={form.sharesAgeGrades} onChange={(event) => change('sharesAgeGrades', event.target.checked)} />
        <span>They may see my age grades too, which tell my age</span>
      </label>
      <div className="row">
        <button type="submit" className="button primary" disabled={fetching}>Save</button>
        <span role="status" className="job-done">{data && !refused && !fetching ? 'Saved' : ''}</span>
      </div>
      {(refused ?? error) && <p className="problem" role="alert">{refused ?? messageOf(error!)}</p>}
    </form>
  );
}
