import assert from 'node:assert/strict';
import { act, create, type ReactTestRenderer } from 'react-test-renderer';

// #region environment
import { createIsographEnvironment, createIsographStore } from '@isograph/react';
import { api, authorization } from '../session';

const ask = async (query: string, variables: unknown): Promise<unknown> => {
  const response = await fetch(`${api}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/graphql-response+json, application/json', ...authorization() },
    body: JSON.stringify({ query, variables }),
  });
  return response.json();
};

/** Records are found by type and `id`: no keys to set. */
export const environment = createIsographEnvironment(createIsographStore(), ask);
// #endregion environment

// #region page
import { Suspense } from 'react';
import { IsographEnvironmentProvider, useLazyReference, useResult } from '@isograph/react';
import { iso } from '../generated/__isograph/iso';

function Page({ athlete }: { athlete: string }) {
  const { fragmentReference } = useLazyReference(iso(`entrypoint Query.RunsPage`), { athlete });
  const Result = useResult(fragmentReference);
  return <Result />;
}

export const App = ({ athlete }: { athlete: string }) => (
  <IsographEnvironmentProvider environment={environment}>
    <Suspense fallback="Loading …"><Page athlete={athlete} /></Suspense>
  </IsographEnvironmentProvider>
);
// #endregion page

// #region mutations
import { makeNetworkRequest } from '@isograph/react';

/** Whoever shows the activity follows its record. In a component `useImperativeReference` does the same. */
export const rename = (activityId: string, name: string) =>
  new Promise<{ userErrors: readonly { message: string }[] }>((onComplete, fail) => {
    const input = { activityId, name };
    const [request] = makeNetworkRequest(environment, iso(`entrypoint Mutation.Rename`), { input }, { onComplete });
    request.promise.catch(fail);
  });
// #endregion mutations

// #region errors
/** The codes of an error: docs/errors.md has each. Data beside errors is lost: Isograph keeps none of it. */
export const codesOf = (error: unknown): unknown[] =>
  ((error as { cause?: { errors?: { extensions: { code: string } }[] } }).cause?.errors ?? []).map(({ extensions }) => extensions.code);
// #endregion errors

const names = (shown: ReactTestRenderer): unknown[] => shown.root.findAllByType('li').map(({ children }) => children[0]);

async function renaming(id: string, name: string): Promise<string[]> {
  let refused: string[] = [];
  await act(async () => { refused = (await rename(id, name)).userErrors.map(({ message }) => message); });
  return refused;
}

async function until(isSo: () => boolean): Promise<void> {
  for (let tries = 0; !isSo(); tries++) {
    assert.ok(tries < 500);
    await act(() => new Promise((again) => setTimeout(again, 10)));
  }
}

export async function check(athlete: string): Promise<void> {
  Object.assign(globalThis, { IS_REACT_ACT_ENVIRONMENT: true });
  let shown: ReactTestRenderer | undefined;
  await act(async () => { shown = create(<App athlete={athlete} />); });
  const page = shown!;
  for (const count of [20, 40, 48]) {
    await until(() => page.root.findAllByType('button').length === 1);
    await act(async () => { (page.root.findByType('button').props as { onClick: () => void }).onClick(); });
    await until(() => names(page).length === count);
  }
  assert.equal(page.root.findAllByType('button').length, 0);
  const [id, run] = Object.entries(environment.store.Activity!)[7]!;
  const name = run!.name as string;
  assert.deepEqual(await renaming(id, 'Told by Isograph'), []);
  await until(() => names(page).includes('Told by Isograph'));
  assert.match((await renaming(id, ''))[0]!, /`name` must be/);
  await renaming(id, name);
  const [request] = makeNetworkRequest(environment, iso(`entrypoint Query.RunsPage`), { athlete: 'x' });
  assert.deepEqual(codesOf(await request.promise.catch((error: unknown) => error)), ['INVALID_ID']);
  await act(async () => page.unmount());
}
