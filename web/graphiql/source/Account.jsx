// Who is signed in, and the menu of further examples.
import { useGraphiQL, useGraphiQLActions } from '@graphiql/react';
import { MORE_EXAMPLES } from './examples.js';
import { fillTabs, lacksIds } from './fill.js';
import { signOut } from './stored.js';

export function Account({ viewer }) {
  if (!viewer) return null;
  if (!viewer.signedIn) {
    return (
      <>
        {viewer.isRestricted && <span className="signed-in">Only administrators may explore this server.</span>}
        <a className="sign-in" href="/auth/strava?returnTo=/graphiql">Sign in with Strava</a>
      </>
    );
  }
  return (
    <>
      <span className="signed-in" title="Signed in">{viewer.name ?? 'Signed in'}</span>
      <button type="button" className="plain-button" onClick={signOut}>Sign out</button>
    </>
  );
}

/**
 * Opens an example in a tab of its own. An id that is not known yet is asked for first: the page may have been
 * opened before the first run was there.
 */
export function Examples({ viewer, askAgain }) {
  const { queryEditor, variableEditor } = useGraphiQL(
    ({ queryEditor, variableEditor }) => ({ queryEditor, variableEditor }));
  const { addTab } = useGraphiQLActions();
  const open = async ({ target }) => {
    const chosen = MORE_EXAMPLES[target.value];
    target.value = '';
    const known = viewer?.signedIn && lacksIds(chosen, viewer) ? await askAgain() ?? viewer : viewer;
    const [example] = fillTabs([chosen], known ?? {});
    addTab();
    queryEditor?.setValue(example.query);
    variableEditor?.setValue(example.variables ?? '');
    queryEditor?.focus();
  };
  return (
    <select className="examples" aria-label="Open an example" defaultValue="" onChange={open}>
      <option value="" disabled hidden>Examples</option>
      {Object.keys(MORE_EXAMPLES).map((name) => <option key={name}>{name}</option>)}
    </select>
  );
}
