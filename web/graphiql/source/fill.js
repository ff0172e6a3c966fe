// Fills ids into the variables of the example tabs. A value the user typed is never replaced: only an empty
// one, or one that was filled in here before.
const FILLED_KEY = 'pacegraph:filled';

const filledBefore = () => JSON.parse(localStorage.getItem(FILLED_KEY) ?? '{}');

/** The ids to fill in, by the name of the variable and of the operation that has it. */
const allSlots = ({ athleteId, jobId, activityId }) => [
  { operation: 'Sync', variable: 'athleteId', value: athleteId },
  { operation: 'WatchChanges', variable: 'athleteId', value: athleteId },
  { operation: 'NoteRun', variable: 'activityId', value: activityId },
  { operation: 'WatchTheJob', variable: 'id', value: jobId },
];
const slots = (ids) => allSlots(ids).filter(({ value }) => value);

const isFor = ({ operation }, tab) => tab.query?.includes(` ${operation}(`);

/** Whether a variable of this tab is to be filled in and its id is not known. */
export const lacksIds = (tab, ids) => allSlots(ids).some((slot) => isFor(slot, tab) && !slot.value);

function filledVariables(tab, ids, before) {
  for (const slot of slots(ids)) {
    if (!isFor(slot, tab)) continue;
    const { variable, value } = slot;
    try {
      const variables = JSON.parse(tab.variables);
      if (variables[variable] !== '' && variables[variable] !== before[variable]) continue;
      return JSON.stringify({ ...variables, [variable]: value }, null, 2);
    } catch { /* being edited: not JSON at the moment */ }
  }
  return tab.variables;
}

/** The tabs with ids filled in. Tabs that need no change are the same objects. */
export function fillTabs(tabs, ids) {
  const before = filledBefore();
  const filled = tabs.map((tab) => {
    const variables = filledVariables(tab, ids, before);
    return variables === tab.variables ? tab : { ...tab, variables };
  });
  const now = Object.fromEntries(slots(ids).map(({ variable, value }) => [variable, value]));
  localStorage.setItem(FILLED_KEY, JSON.stringify({ ...before, ...now }));
  return filled;
}
