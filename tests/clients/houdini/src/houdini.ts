import assert from 'node:assert/strict';

// #region client
import { HoudiniClient } from '$houdini';
import { authorization } from '../../kit/session';

export const client = new HoudiniClient({ fetchParams: () => ({ headers: authorization() }) });
// #endregion client

// #region paging
import { cursorHandlers } from 'houdini/runtime';
import Runs, { type Runs$input, type Runs$result } from '$houdini/artifacts/Runs';

const observe = () => client.observe<Runs$result, Runs$input>({ artifact: Runs });

/** What the stores of houdini-svelte and the hooks of houdini-react do with a query that has `@paginate`. */
export function watchRuns(athlete: string) {
  const [runs, further] = [observe(), observe()];
  let shown = runs.state;
  runs.subscribe((state) => { shown = state; });
  const pages = cursorHandlers({
    artifact: Runs,
    getState: () => shown.data,
    getVariables: () => ({ athlete }),
    getSession: async () => ({}),
    fetch: (asked) => runs.send(asked),
    fetchUpdate: (asked, applyUpdates) =>
      further.send({ ...asked, cacheParams: { disableSubscriptions: true, applyUpdates } }),
  });
  return { ...pages, fetch: () => runs.send({ variables: { athlete } }), shown: () => shown };
}
// #endregion paging

// #region mutations
import Rename, { type Rename$input, type Rename$result } from '$houdini/artifacts/Rename';

/** Whoever shows the activity follows its record. */
export const rename = (activityId: string, name: string) =>
  client.observe<Rename$result, Rename$input>({ artifact: Rename }).send({ variables: { input: { activityId, name } } });
// #endregion mutations

// #region errors
/** The codes of a result's `errors`: docs/errors.md has each. */
export const codesOf = (errors: { extensions?: object }[] | null): unknown[] =>
  (errors ?? []).map(({ extensions }) => (extensions as { code?: string } | undefined)?.code);
// #endregion errors

export async function check(athlete: string): Promise<void> {
  const runs = watchRuns(athlete);
  await runs.fetch();
  const edges = () => runs.shown().data!.athlete!.activities!.edges;
  assert.equal(edges().length, 20);
  await runs.loadNextPage();
  assert.equal(edges().length, 40);
  await runs.loadNextPage();
  assert.equal(new Set(edges().map(({ node }) => node.id)).size, 48);
  const { id, name } = edges()[7]!.node;
  const { data } = await rename(id, 'Told by Houdini');
  assert.deepEqual(data!.updateActivity.userErrors, []);
  assert.equal(edges()[7]!.node.name, 'Told by Houdini');
  assert.match((await rename(id, '')).data!.updateActivity.userErrors[0]!.message, /`name` must be/);
  await rename(id, name);
  const refused = await watchRuns('x').fetch();
  assert.deepEqual(codesOf(refused.errors), ['INVALID_ID']);
}
