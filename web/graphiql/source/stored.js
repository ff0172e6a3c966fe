// GraphiQL keeps its tabs in localStorage, and the active tab's texts a second time under keys of their own.
// Both are changed together here, before GraphiQL starts: where they differ it opens a further tab.
import { authorizationIn, forgetToken, headersText, rememberedToken } from './session.js';

const PREFIX = 'graphiql:';
const read = (key) => localStorage.getItem(PREFIX + key);
const write = (key, value) => localStorage.setItem(PREFIX + key, value);

export const headersArePersisted = () => read('shouldPersistHeaders') === 'true';

/** Apply `change` (tabs → tabs) to the tabs of an earlier visit. Without one nothing happens. */
export function changeStoredTabs(change) {
  let state;
  try {
    state = JSON.parse(read('tabState'));
  } catch { /* unreadable: GraphiQL starts afresh */ }
  if (!Array.isArray(state?.tabs)) return;
  const tabs = change(state.tabs);
  const active = tabs[state.activeTabIndex];
  if (active && active !== state.tabs[state.activeTabIndex]) {
    for (const key of ['variables', 'headers']) if (read(key) !== null && active[key]) write(key, active[key]);
  }
  write('tabState', JSON.stringify({ ...state, tabs }));
}

/** A new token takes the place of the ones that tabs were saved with. */
export const withToken = (token) => (tabs) =>
  tabs.map((tab) => (authorizationIn(tab.headers) === null ? tab : { ...tab, headers: headersText(token) }));

const withoutToken = (tabs) =>
  tabs.map((tab) => (authorizationIn(tab.headers) === null ? tab : { ...tab, headers: '' }));

/** Ends the session of this browser, forgets the token, and begins again. The token stays valid elsewhere. */
export async function signOut() {
  forgetToken();
  await fetch('/auth/sign-out', { method: 'POST', credentials: 'same-origin' });
  changeStoredTabs(withoutToken);
  localStorage.removeItem(`${PREFIX}headers`);
  location.reload();
}

// The history keeps the headers of every operation, even where headers are not to be persisted. They are left out
// on the way to localStorage, and a remembered token is put back on the way from there: an entry chosen from the
// history replaces what stands in the headers editor.
const HISTORY = { [`${PREFIX}queries`]: 'queries', [`${PREFIX}favorites`]: 'favorites' };

function mapHistory(key, text, change) {
  const name = HISTORY[key];
  if (!name || !text || headersArePersisted()) return text;
  try {
    return JSON.stringify({ [name]: JSON.parse(text)[name].map(change) });
  } catch {
    return text;
  }
}

const withoutHeaders = ({ headers: _, ...entry }) => entry;

const withRememberedToken = (entry) => {
  const token = rememberedToken();
  return token ? { ...entry, headers: headersText(token) } : entry;
};

/** localStorage as GraphiQL is to see it. */
export const storage = {
  getItem: (key) => mapHistory(key, localStorage.getItem(key), withRememberedToken),
  setItem: (key, value) => localStorage.setItem(key, mapHistory(key, value, withoutHeaders)),
  removeItem: (key) => localStorage.removeItem(key),
  get length() {
    return ownKeys().length;
  },
  clear: () => ownKeys().forEach((key) => localStorage.removeItem(key)),
};

const ownKeys = () => Object.keys(localStorage).filter((key) => key.startsWith(PREFIX));
