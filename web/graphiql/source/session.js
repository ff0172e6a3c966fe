// The caller's identity: a bearer token, if one was given, and what the server says about its owner.
const TOKEN_KEY = 'pacegraph:token';

const VIEWER = `query GraphiQLViewer {
  viewer { scopes athlete { id displayName jobs(first: 1) { nodes { id } } activities(first: 1) { nodes { id } } } }
}`;

/** Take `#token=…` out of the address bar. A fragment never reaches a server or its logs. */
export function takeTokenFromAddress() {
  const fragment = new URLSearchParams(location.hash.slice(1));
  const token = fragment.get('token');
  if (token === null) return null;
  history.replaceState(history.state, '', location.pathname + location.search);
  rememberToken(token);
  return token;
}

// sessionStorage: survives a reload, ends with the browser's tab, is never written to localStorage.
export const rememberToken = (token) => sessionStorage.setItem(TOKEN_KEY, token);
export const rememberedToken = () => sessionStorage.getItem(TOKEN_KEY);
export const forgetToken = () => sessionStorage.removeItem(TOKEN_KEY);

export const headersText = (token) => JSON.stringify({ Authorization: `Bearer ${token}` }, null, 2);

/** The value of Authorization in the text of a headers editor; null when there is none or the text is not JSON. */
export function authorizationIn(text) {
  try {
    const found = Object.entries(JSON.parse(text)).find(([name]) => name.toLowerCase() === 'authorization');
    return found ? String(found[1]) : null;
  } catch {
    return null;
  }
}

/** Where documents are enforced, only administrators may ask: then nobody is signed in, as far as this page goes. */
const RESTRICTED = { signedIn: false, isRestricted: true };

/** { signedIn, isAdmin, name, and ids to fill in }, or null when the server does not say. */
export async function askViewer(authorization) {
  try {
    const response = await fetch('/graphql', {
      method: 'POST',
      credentials: 'same-origin',
      headers: {
        'content-type': 'application/json',
        accept: 'application/graphql-response+json, application/json',
        ...(authorization && { authorization }),
      },
      body: JSON.stringify({ query: VIEWER, operationName: 'GraphiQLViewer' }),
      signal: AbortSignal.timeout(3000),
    });
    const { data, errors } = await response.json();
    if (!data && errors?.[0].extensions?.code === 'UNTRUSTED_DOCUMENT') return RESTRICTED;
    if (!data) return response.status === 401 ? { signedIn: false } : null;
    const athlete = data.viewer?.athlete;
    return {
      signedIn: data.viewer !== null,
      name: athlete?.displayName,
      athleteId: athlete?.id,
      jobId: athlete?.jobs?.nodes?.[0]?.id,
      activityId: athlete?.activities?.nodes?.[0]?.id,
      isAdmin: data.viewer?.scopes.includes('ADMIN') ?? false,
    };
  } catch {
    return null;
  }
}
