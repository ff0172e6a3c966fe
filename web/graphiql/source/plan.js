// PostgreSQL's plan as text, from EXPLAIN's JSON: a line for each node, and what it looked for below.
const DETAILS = ['Index Cond', 'Recheck Cond', 'Hash Cond', 'Merge Cond', 'Join Filter', 'Filter', 'Rows Removed by Filter', 'Sort Key'];
const number = (value) => value.toLocaleString('en-US');

function lines(node, depth) {
  const indent = '  '.repeat(depth);
  const of = node['Index Name'] ?? node['Relation Name'] ?? node['CTE Name'];
  const never = node['Actual Loops'] === 0;
  const ran = never
    ? 'never ran'
    : `${number(node['Actual Rows'])} rows of ${number(node['Plan Rows'])}${node['Actual Loops'] > 1 ? `, ${number(node['Actual Loops'])} times` : ''}, ${node['Actual Total Time']} ms`;
  const details = DETAILS.filter((name) => node[name] !== undefined && node[name] !== 0);
  return [
    `${indent}${depth ? '→ ' : ''}${node['Node Type']}${of ? ` on ${of}` : ''} (${ran})`,
    ...details.map((name) => `${indent}    ${name}: ${[node[name]].flat().join(', ')}`),
    ...(node.Plans ?? []).flatMap((below) => lines(below, depth + 1)),
  ];
}

export function planText([{ Plan: root, 'Planning Time': planning, 'Execution Time': execution }]) {
  const pages = `pages: ${number(root['Shared Hit Blocks'] ?? 0)} from memory, ${number(root['Shared Read Blocks'] ?? 0)} read`;
  return [`Planning ${planning} ms, execution ${execution} ms, ${pages}`, '', ...lines(root, 0)].join('\n');
}

/** A statement with a line for each clause. Only line breaks differ. */
export const statementText = (statement) =>
  statement.replace(/ (?=(?:FROM|LEFT JOIN|JOIN|WHERE|GROUP BY|ORDER BY|LIMIT|UNION ALL)\b)/g, '\n').replace(/\n\s*\n/g, '\n');
