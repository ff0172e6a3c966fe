import { graphql } from '../graphql.ts';
import { useShown } from '../shown.ts';
import { Empty, Failure, Skeleton } from '../ui/states.tsx';
import { Title } from '../ui/Title.tsx';
import { useUnits } from '../units.ts';
import { useViewer } from '../viewer.ts';
import { AddShoes, EditShoes, Shoes_gear } from './ShoesForms.tsx';

export const ShoesQuery = graphql(`
  query Shoes($athlete: ID!) {
    athlete(id: $athlete) {
      id
      gear { id name retired distanceMeters statedDistanceMeters ...Shoes_gear }
    }
  }
`, [Shoes_gear]);

const WORN_METERS = 800_000; // what most makers name

export function ShoesPage() {
  const { athlete, maySync } = useViewer();
  const units = useUnits();
  const [{ data, error }, ask] = useShown({ query: ShoesQuery, variables: { athlete: athlete.id } });
  const shoes = data?.athlete?.gear;
  const full = Math.max(WORN_METERS, ...(shoes ?? []).map((shoe) => shoe.statedDistanceMeters ?? shoe.distanceMeters));
  return (
    <>
      <div className="page-head"><Title name="Shoes">Shoes</Title></div>
      <div className="stack">
        <div className="card padded">
          {!shoes && (error ? <Failure error={error} retry={() => ask({ requestPolicy: 'network-only' })} /> : <Skeleton lines={4} height={48} />)}
          {shoes?.length === 0 && (
            <Empty icon="shoes" title="No shoes yet">
              <p>Give your runs a pair of shoes on Strava. They appear here with the next fetch.</p>
            </Empty>
          )}
          {shoes && shoes.length > 0 && (
            <ul className="meters wide">
              {shoes.map((shoe) => {
                const meters = shoe.statedDistanceMeters ?? shoe.distanceMeters;
                return (
                  <li key={shoe.id}>
                    <span>{shoe.name ?? 'Shoes'}{shoe.retired && <span className="quiet-text"> retired</span>}</span>
                    <span className="meter"><span className={meters > WORN_METERS ? 'highest' : undefined} style={{ width: `${(100 * meters) / full}%` }} /></span>
                    <span className="meter-value">{units.distance(meters, 0).value} {units.unit}</span>
                    {maySync && <EditShoes gear={shoe} />}
                  </li>
                );
              })}
            </ul>
          )}
        </div>
        {maySync && shoes && <AddShoes athlete={athlete.id} />}
      </div>
    </>
  );
}
