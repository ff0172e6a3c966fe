// Requests beside GraphiQL's own: what an operation would cost, and what PostgreSQL does for it.
import { getOperationAST, parse, validate } from 'graphql';

/** The operation that is run of a text: by its name, else the only one. Null for a syntax error; the server says where. */
export function operationIn({ query, operationName }) {
  try {
    const document = parse(query);
    return getOperationAST(document, operationName) ?? getOperationAST(document);
  } catch {
    return null;
  }
}

const json = (text) => (text?.trim() ? JSON.parse(text) : {});

/** What the editors have, as the body of a request and its headers. Null where it cannot be sent. */
export function requestOf({ query, variables, headers, operationName }, schema) {
  try {
    const operation = operationIn({ query, operationName });
    if (!operation || !schema || validate(schema, parse(query)).length > 0) return null;
    const values = json(variables);
    const isLacking = ({ variable, type, defaultValue }) =>
      type.kind === 'NonNullType' && !defaultValue && (values[variable.name.value] ?? null) === null;
    if (operation.variableDefinitions?.some(isLacking)) return null;
    return { body: { query, variables: values, operationName: operation.name?.value }, headers: json(headers), operation };
  } catch {
    return null; // being edited: not JSON at the moment
  }
}

async function post({ body, headers }, more, signal) {
  const response = await fetch('/graphql', {
    method: 'POST',
    credentials: 'same-origin',
    headers: { accept: 'application/graphql-response+json', ...headers, 'content-type': 'application/json', ...more },
    body: JSON.stringify(body),
    signal,
  });
  return response.json();
}

/** `{ cost }` of an operation that is not run, or `{ refusal }`, a sentence, where it costs too much. */
export async function estimate(request, signal) {
  const { extensions, errors } = await post(request, { 'graphql-cost': 'validate' }, signal);
  if (!errors) return { cost: extensions.cost };
  const [{ message, extensions: { code } }] = errors;
  return ['COST_LIMIT_EXCEEDED', 'RATE_LIMITED'].includes(code) ? { refusal: message } : {};
}

/** `{ statement, plan, reason }` of a query, for administrators. */
export async function explain(request) {
  const { extensions, errors } = await post(request, { 'graphql-explain': 'analyze' });
  return extensions?.explain ?? { statement: null, plan: null, reason: errors?.[0].message ?? 'No answer.' };
}
