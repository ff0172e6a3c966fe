// The normalised cache: what has no id of its own, and what each answer changes beside itself.
import { cacheExchange, type Cache, type OptimisticMutationResolver, type UpdateResolver } from '@urql/exchange-graphcache';

/** Objects without an id live inside the object that has them. */
const EMBEDDED = [
  'AgeGrade', 'ActivityConnection', 'ActivityStreams', 'AthleteChanges', 'BestEffortConnection', 'CriticalSpeed', 'HeartRateZone',
  'HeartRateZoneTime', 'ImportEntry', 'ImportEntryConnection', 'JobError', 'JobProblem',
  'JobProgress', 'JobResult', 'Lap', 'LapConnection', 'PageInfo', 'Pacing', 'PersonalBestConnection', 'RacePrediction',
  'Route', 'RouteBounds', 'Split', 'SplitConnection', 'StravaAccount', 'SyncProblem', 'TrainingLoadDay', 'TrainingSummary',
];

const LISTS = new Set([
  'activities', 'bestEfforts', 'criticalSpeed', 'gear', 'personalBestHistory', 'personalBests', 'racePredictions',
  'stravaConnection', 'syncProblems', 'timeInHeartRateZones', 'trainingLoad', 'trainingSummary',
]);

/** Forget all lists and sums of an athlete: whoever shows them asks again. */
function forgetAthleteLists(cache: Cache, athleteId: string): void {
  const key = { __typename: 'Athlete', id: athleteId };
  for (const { fieldName, fieldKey } of cache.inspectFields(key)) {
    if (LISTS.has(fieldName)) cache.invalidate(key, fieldKey);
  }
}

const text = (value: unknown): string | null => (typeof value === 'string' ? value : null);

/** The id of the signed-in athlete, as `ViewerQuery` left it in the cache. */
function viewersAthlete(cache: Cache): string | null {
  const viewer = text(cache.resolve('Query', 'viewer'));
  const athlete = viewer && text(cache.resolve(viewer, 'athlete'));
  return athlete ? text(cache.resolve(athlete, 'id')) : null;
}

/** The pages of an athlete's list of runs that are here: the key of each, and the keys of its runs. */
function pagesOfRuns(cache: Cache, athleteId: string): { page: string; runs: string[] }[] {
  const key = { __typename: 'Athlete', id: athleteId };
  return cache.inspectFields(key).filter(({ fieldName }) => fieldName === 'activities').flatMap(({ fieldKey }) => {
    const page = text(cache.resolve(key, fieldKey));
    const runs = page && cache.resolve(page, 'nodes');
    return page && Array.isArray(runs) ? [{ page, runs: runs as string[] }] : [];
  });
}

function takeFromLists(cache: Cache, athleteId: string, activityId: string): void {
  const gone = cache.keyOfEntity({ __typename: 'Activity', id: activityId });
  for (const { page, runs } of pagesOfRuns(cache, athleteId)) {
    if (gone && runs.includes(gone)) cache.link(page, 'nodes', runs.filter((each) => each !== gone));
  }
}

type WithAthlete = { athlete: { id: string } | null };

/** A mutation whose payload names the athlete makes the lists stale. */
const makesListsStale = (name: string): UpdateResolver => (result, _arguments, cache) => {
  const { athlete } = result[name] as WithAthlete;
  if (athlete) forgetAthleteLists(cache, athlete.id);
};

const jobUpdated: UpdateResolver = (result, _arguments, cache) => {
  const job = result.jobUpdated as (WithAthlete & { status: string }) | null;
  if (job?.athlete && job.status === 'SUCCEEDED') forgetAthleteLists(cache, job.athlete.id);
};

/** At once out of the lists; once it is deleted, the sums and bests are stale too. */
const deleteActivity: UpdateResolver = (result, { input }, cache, { optimistic }) => {
  const { deletedActivityId } = result.deleteActivity as { deletedActivityId: string | null };
  const athlete = viewersAthlete(cache);
  if (!athlete || !deletedActivityId) return;
  takeFromLists(cache, athlete, (input as { activityId: string }).activityId);
  if (!optimistic) forgetAthleteLists(cache, athlete);
};

const createGear: UpdateResolver = (result, _arguments, cache) => {
  const { gear } = result.createGear as { gear: WithAthlete | null };
  if (gear?.athlete) cache.invalidate({ __typename: 'Athlete', id: gear.athlete.id }, 'gear');
};

const recordingChanged = (name: string): UpdateResolver => (result, _arguments, cache) => {
  const athlete = viewersAthlete(cache);
  if (athlete && (result[name] as { activity: unknown }).activity) forgetAthleteLists(cache, athlete);
};

type GearEdit = { gearId: string; name: string; retired: boolean };

const editedGear: OptimisticMutationResolver = ({ input }) => {
  const { gearId, ...edited } = input as GearEdit;
  return { __typename: 'GearPayload', gear: { __typename: 'Gear', id: gearId, ...edited }, userErrors: [] };
};

type Edit = { activityId: string; name?: string; notes?: string | null; hidden?: boolean };

/** What an edit will have done, shown before the server answers. A refusal takes it back. */
const editedActivity: OptimisticMutationResolver = ({ input }) => {
  const { activityId, hidden, ...edited } = input as Edit;
  const visibility = hidden ? { hidden, visibility: 'ONLY_ME' } : hidden === undefined ? {} : { hidden };
  return {
    __typename: 'UpdateActivityPayload',
    activity: { __typename: 'Activity', id: activityId, ...edited, ...visibility },
    recordings: [],
    userErrors: [],
  };
};

const deletedActivity: OptimisticMutationResolver = ({ input }) => ({
  __typename: 'DeleteActivityPayload',
  deletedActivityId: (input as { activityId: string }).activityId,
  userErrors: [],
});

export const normalizedCache = () => cacheExchange({
  keys: Object.fromEntries(EMBEDDED.map((name) => [name, () => null])),
  optimistic: { updateActivity: editedActivity, deleteActivity: deletedActivity, updateGear: editedGear },
  updates: {
    Subscription: { jobUpdated },
    Mutation: {
      chooseRecording: recordingChanged('chooseRecording'),
      createGear,
      deleteActivity,
      excludeBestEffort: makesListsStale('excludeBestEffort'),
      separateRecording: recordingChanged('separateRecording'),
      updateAthlete: makesListsStale('updateAthlete'),
    },
  },
});
