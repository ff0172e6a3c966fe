// #region fields
import { useConnectionSpecPagination } from '@isograph/react';
import { iso } from '../generated/__isograph/iso';

export const RunPage = iso(`
  field Athlete.RunPage($first: Int, $after: String) {
    activities(first: $first, after: $after) {
      pageInfo { endCursor, hasNextPage }
      edges { node { id, name, startedAtLocal, distanceMeters } }
    }
  }
`)(({ data }) => data.activities!); // null only where a cursor is refused

/** It asks for each page by `node(id:)` when it is wanted. */
export const RunList = iso(`
  field Athlete.RunList @component {
    displayName
    RunPage @loadable
  }
`)(function RunList({ data }) {
  const page = useConnectionSpecPagination(data.RunPage);
  return (
    <section>
      <h1>{data.displayName}</h1>
      <ul>{page.results.map(({ node }) => <li key={node.id}>{node.name}</li>)}</ul>
      {page.kind === 'Complete' && page.hasNextPage && <button onClick={() => page.fetchMore(20)}>More</button>}
    </section>
  );
});

export const RunsPage = iso(`
  field Query.RunsPage($athlete: ID!) @component {
    athlete(id: $athlete) { RunList }
  }
`)(({ data }) => data.athlete && <data.athlete.RunList />);

export const Rename = iso(`
  field Mutation.Rename($input: UpdateActivityInput!) {
    updateActivity(input: $input) { activity { id, name }, userErrors { message } }
  }
`)(({ data }) => data.updateActivity);
// #endregion fields
