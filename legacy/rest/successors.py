"""The GraphQL operations that the routes run and that replace them.

Operations called `_END` read only the cursor at the end of a part of a list, to reach a page.
"""

_ATHLETE = (
    "id firstName lastName displayName sex birthDate city country createdAt "
    "stravaConnection { stravaAthleteId }"
)
_RUN = (
    "id name sportType source stravaId startedAt startedAtLocal timezone distanceMeters "
    "movingTimeSeconds elapsedTimeSeconds elevationGainMeters "
    "averageSpeedMetersPerSecond averageHeartRate "
    "maxHeartRate averageCadence visibility"
)
_ACTIVITY = f"{_RUN} athlete {{ id }}"
_AGE_GRADE = (
    "percent ageOnDay sex table ageFactor openStandardSeconds ageStandardSeconds "
    "ageGradedTimeSeconds"
)
_BEST = (
    f"id distance distanceMeters elapsedTimeSeconds achievedAt activity {{ id }} ageGrade {{ "
    f"{_AGE_GRADE} }}"
)
_EFFORT = (
    "id distance distanceMeters elapsedTimeSeconds achievedAt rank isPersonalBest ageGrade "
    f"{{ {_AGE_GRADE} }}"
)
_JOB = (
    "id kind status progress { done total percent estimatedSecondsLeft message } error "
    "{ code message retryable } "
    "result { activitiesCreated activitiesUpdated activitiesDeleted personalBestsChanged } "
    "createdAt startedAt finishedAt waitingUntil"
)
_USER_ERRORS = "userErrors { field code message }"
_END = "pageInfo { hasNextPage endCursor }"

_ATHLETES = (
    "query Athletes($first: Int, $after: String) { athletes(first: $first, after: $after) { %s } }"
)
_ACTIVITIES = (
    "query Activities($first: Int, $after: String, $filter: ActivityFilter) "
    "{ activities(first: $first, after: $after, filter: $filter) { %s } }"
)
_ACTIVITIES_OF_ATHLETE = (
    "query ActivitiesOfAthlete($id: ID!, $first: Int, $after: String, $filter: ActivityFilter) "
    "{ athlete(id: $id) { id activities(first: $first, after: $after, filter: $filter) { %s } } }"
)

MOST_COST_EACH = 2
"""The most that an entry of these lists costs: itself and one related object."""

ATHLETES = _ATHLETES % f"nodes {{ {_ATHLETE} }} {_END}"
ATHLETES_END = _ATHLETES % _END
ACTIVITIES = _ACTIVITIES % f"nodes {{ {_ACTIVITY} }} {_END}"
ACTIVITIES_END = _ACTIVITIES % _END
ACTIVITIES_OF_ATHLETE = _ACTIVITIES_OF_ATHLETE % f"nodes {{ {_RUN} }} {_END}"
ACTIVITIES_OF_ATHLETE_END = _ACTIVITIES_OF_ATHLETE % _END

ME = f"query Me {{ viewer {{ athlete {{ {_ATHLETE} }} }} }}"
ATHLETE = f"query Athlete($id: ID!) {{ athlete(id: $id) {{ {_ATHLETE} }} }}"
ACTIVITY = (
    f"query Activity($id: ID!) {{ activity(id: $id) {{ {_ACTIVITY} bestEfforts {{ {_EFFORT} "
    "} } }"
)
AGE_GRADE_OF_ACTIVITY = (
    "query AgeGradeOfActivity($id: ID!) "
    f"{{ activity(id: $id) {{ id bestEfforts {{ distance ageGrade {{ {_AGE_GRADE} }} }} }} }}"
)
PERSONAL_BESTS = (
    f"query PersonalBests($id: ID!) {{ athlete(id: $id) {{ id personalBests {{ {_BEST} }} }} }}"
)
AGE_GRADE = (
    f"query AgeGrade($input: AgeGradeInput!) {{ ageGrade(input: $input) {{ {_AGE_GRADE} }} }}"
)
JOB = f"query Task($id: ID!) {{ job(id: $id) {{ {_JOB} }} }}"

SYNC = (
    f"mutation Sync($input: SyncStravaInput!) {{ syncStrava(input: $input) {{ job {{ id }} "
    f"{_USER_ERRORS} }} }}"
)
RECALCULATE_PERSONAL_BESTS = (
    "mutation RecalculatePersonalBests($input: RecalculateInput!) "
    f"{{ recalculatePersonalBests(input: $input) {{ job {{ id }} {_USER_ERRORS} }} }}"
)
RECALCULATE_AGE_GRADES = (
    "mutation RecalculateAgeGrades($input: RecalculateInput!) "
    f"{{ recalculateAgeGrades(input: $input) {{ job {{ id }} {_USER_ERRORS} }} }}"
)
FEEDBACK = (
    f"mutation Feedback($input: SubmitFeedbackInput!) {{ submitFeedback(input: $input) {{ "
    f"accepted {_USER_ERRORS} }} }}"
)
