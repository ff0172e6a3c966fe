// Who is signed in: the session's cookie, which scripts cannot read, or an API token of a link.
const TOKEN = 'pacegraph:token'; // GraphiQL's name for it: one tab has one identity

/** Take `#token=…` of a demo link out of the address bar. Browsers send no fragment to a server. */
export function takeTokenFromAddress(): void {
  const token = new URLSearchParams(location.hash.slice(1)).get('token');
  if (token === null) return;
  history.replaceState(history.state, '', location.pathname + location.search);
  sessionStorage.setItem(TOKEN, token);
}

/** The token of this browser tab, or null. It ends with the tab. */
export const token = (): string | null => sessionStorage.getItem(TOKEN);

export const forgetToken = (): void => sessionStorage.removeItem(TOKEN);

/** Where to sign in so that the browser comes back to this page. */
export const signInAddress = (): string =>
  `/auth/strava?returnTo=${encodeURIComponent(location.pathname + location.search)}`;

/** End the session of this browser. Throws if the server cannot be reached. */
export async function signOut(): Promise<void> {
  forgetToken();
  const answer = await fetch('/auth/sign-out', { method: 'POST' });
  if (!answer.ok) throw new Error(`Signing out failed (${answer.status}).`);
}
