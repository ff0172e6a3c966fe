// #region session
/** The API's origin: that of the page, which pacegraph or the dev server's proxy serves. */
export const api = globalThis.location?.origin ?? process.env.PACEGRAPH_URL!;

/** A page sends its cookie by itself, and needs no header. Scripts send a token. */
export const authorization = (): Record<string, string> =>
  globalThis.process?.env.PACEGRAPH_TOKEN ? { Authorization: `Bearer ${process.env.PACEGRAPH_TOKEN}` } : {};
// #endregion session

// #region sign-in
/** Where to send the browser. It comes back to `returnTo`: a path, or a page of CORS_ORIGINS. */
export const signInAddress = (returnTo: string): string =>
  `${api}/auth/strava?${new URLSearchParams({ returnTo })}`;

/** Ends the session of this browser; empty the client's cache afterwards. */
export const signOut = (): Promise<Response> =>
  fetch(`${api}/auth/sign-out`, { method: 'POST', credentials: 'include' });
// #endregion sign-in
