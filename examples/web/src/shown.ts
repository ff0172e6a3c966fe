// Queries of what is on the page: it stays there while it is asked for again.
import { useRef } from 'react';
import { useQuery, type AnyVariables, type UseQueryArgs, type UseQueryResponse } from 'urql';

/**
 * As `useQuery`, but an answer stays until the next one with the same variables. Without that the cache, which waits
 * for what it no longer has, would take the page away for a moment, and with it the focus and what was typed.
 */
export function useShown<Data, Variables extends AnyVariables>(asked: UseQueryArgs<Variables, Data>): UseQueryResponse<Data, Variables> {
  const [state, ask] = useQuery(asked);
  const of = JSON.stringify(asked.variables);
  const last = useRef({ of, data: state.data });
  if (state.data || last.current.of !== of) last.current = { of, data: state.data };
  return [{ ...state, data: last.current.data }, ask];
}
