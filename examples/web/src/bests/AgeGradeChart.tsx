// How each best compares with the standard for the runner's age and sex: 100 % equals it.
import { Link } from 'wouter';
import { distanceName } from '../distances.ts';
import { graphql, readFragment, type FragmentOf } from '../graphql.ts';
import { percent } from '../units.ts';

export const AgeGradeChart_best = graphql(`
  fragment AgeGradeChart_best on PersonalBest { id distance ageGrade { percent ageOnDay } }
`);

export function AgeGradeChart({ bests }: { bests: readonly FragmentOf<typeof AgeGradeChart_best>[] }) {
  const known = readFragment(AgeGradeChart_best, bests);
  const graded = known.filter((best) => best.ageGrade !== null);
  const highest = Math.max(...graded.map(({ ageGrade }) => ageGrade!.percent));
  return (
    <section className="card padded" aria-labelledby="age-grades">
      <div className="card-head"><h2 id="age-grades">Age grades</h2><span className="quiet-text">of the standard for your age</span></div>
      {graded.length === 0
        ? <p className="quiet-text">Enter your sex and date of birth in the <Link href="/settings">settings</Link> to see them.</p>
        : (
          <ul className="meters">
            {graded.map(({ id, distance, ageGrade }) => (
              <li key={id}>
                <span>{distanceName(distance)}</span>
                <span className="meter"><span style={{ width: `${Math.min(100, ageGrade!.percent)}%` }} className={ageGrade!.percent === highest ? 'highest' : undefined} /></span>
                <span className="meter-value">{percent(ageGrade!.percent)}</span>
              </li>
            ))}
          </ul>
        )}
    </section>
  );
}
