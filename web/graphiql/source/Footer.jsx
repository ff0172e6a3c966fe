// The line below the answer: what the operation costs before it runs and did cost, what is left, and the plan.
import { useGraphiQL } from '@graphiql/react';
import { useEffect, useRef, useState } from 'react';
import { planText, statementText } from './plan.js';
import { estimate, explain, requestOf } from './request.js';

const PAUSE_MS = 700;
const number = (value) => value.toLocaleString('en-US');

const keyOf = (asked) => JSON.stringify(asked && [asked.body, asked.headers]);

const left = ({ remaining, limit }) => `${number(remaining)} of ${number(limit)} left`;

/** Calls `listener` when one of the editors changes, and once the schema is there. */
function useEdits(editors, schema, listener) {
  useEffect(() => {
    const watched = editors.filter(Boolean).map((editor) => editor.onDidChangeModelContent(listener));
    listener();
    return () => watched.forEach((each) => each.dispose());
  }, [...editors, schema]);
}

export function Footer({ connect, isAdmin }) {
  const { queryEditor, variableEditor, headerEditor, schema } = useGraphiQL(
    ({ queryEditor, variableEditor, headerEditor, schema }) => ({ queryEditor, variableEditor, headerEditor, schema }));
  const [told, tell] = useState('');
  const [explained, setExplained] = useState(null);
  const timer = useRef(0);
  const underWay = useRef(null);
  const known = useRef(''); // what the line is about: opening a tab changes each of its editors

  const request = () => requestOf({
    query: queryEditor?.getValue() ?? '', variables: variableEditor?.getValue(), headers: headerEditor?.getValue(),
  }, schema);

  const ask = async () => {
    const asked = request();
    if (keyOf(asked) === known.current) return;
    known.current = keyOf(asked);
    underWay.current?.abort();
    if (!asked) return tell('');
    underWay.current = new AbortController();
    try {
      const { cost, refusal } = await estimate(asked, underWay.current.signal);
      tell(refusal ?? (cost ? `Costs at most ${number(cost.requested)} · ${left(cost)}` : ''));
    } catch { /* a newer one is under way, or the server is away: then running it says so */ }
  };

  const asking = useRef(ask);
  asking.current = ask; // that of the latest rendering, which has the schema
  useEdits([queryEditor, variableEditor, headerEditor], schema, () => {
    clearTimeout(timer.current);
    timer.current = setTimeout(() => asking.current(), PAUSE_MS);
  });

  connect.current = {
    ...connect.current,
    costed(cost) {
      underWay.current?.abort();
      known.current = keyOf(request());
      const work = cost.work ? `, and ${number(cost.work)} for its work` : '';
      tell(`Cost ${number(cost.actual)} of at most ${number(cost.requested)}${work} · ${left(cost)}`);
    },
  };

  return (
    <div className="cost-line">
      <span role="status">{told}</span>
      {isAdmin && (
        <button type="button" className="plain-button" disabled={!schema} onClick={async () => {
          const asked = request();
          setExplained(asked ? await explain(asked) : { reason: 'Write a query first that the schema allows.' });
        }}>SQL and plan</button>
      )}
      {explained && <Explanation {...explained} onClose={() => setExplained(null)} />}
    </div>
  );
}

function Explanation({ statement, plan, reason, onClose }) {
  const dialog = useRef(null);
  useEffect(() => { dialog.current.showModal(); }, []);
  return (
    <dialog ref={dialog} className="explanation" aria-labelledby="explanation-title" onClose={onClose}>
      <header>
        <h2 id="explanation-title">What PostgreSQL does</h2>
        <button type="button" className="plain-button" onClick={() => dialog.current.close()}>Close</button>
      </header>
      {reason && <p>{reason}</p>}
      {plan && <><h3>Plan</h3><pre tabIndex={0}>{planText(plan)}</pre></>}
      {statement && <><h3>Statement</h3><pre tabIndex={0}>{statementText(statement)}</pre></>}
    </dialog>
  );
}
