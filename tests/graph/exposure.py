"""Who gets the value of each field: one table over the whole schema, which `test_privacy_walk.py`
holds against it.
"""

from enum import Enum, auto

from graphql import GraphQLObjectType, GraphQLSchema


class Exposure(Enum):
    """Who gets a field's value. "Others" are signed in, where the operator set SHARING=on and the
    athlete shares.
    """

    EVERYBODY = auto()  # signed out or not, and it tells of nobody
    CALLER = auto()  # tells of who asks, and of nobody else
    WAY = auto()  # holds no value: what it leads to is classified where it stands
    SHARED = auto()  # the athlete and admins, and others the same
    DERIVED = auto()  # as SHARED, but what others get is derived from what they may see
    AGE = auto()  # as SHARED, where the athlete agreed to show age grades too
    OWNER = auto()  # the athlete and admins
    ADMIN = auto()  # admins, and it belongs to no athlete
    WRITE = auto()  # of a mutation: whoever may write, of what they wrote


E = Exposure
_CONNECTION = {E.WAY: "edges nodes pageInfo", E.DERIVED: "totalCount"}
_EDGE = {E.WAY: "node", E.DERIVED: "cursor"}

EXPOSURE: dict[str, dict[Exposure, str]] = {
    "Query": {
        E.EVERYBODY: "ageGrade standardDistances now",
        E.CALLER: "viewer rateLimit",
        E.ADMIN: "stravaQuota",
        E.WAY: "node nodes athlete athletes activity activities leaderboard job jobs",
    },
    "Viewer": {E.CALLER: "id athlete scopes apiTokens"},
    "DistanceInfo": {E.EVERYBODY: "distance label meters"},
    "StravaQuota": {E.ADMIN: "limits blockedUntil", E.WAY: "waiting"},
    "StravaQuotaLimit": {E.ADMIN: "window requests limit used left reserved resetsAt"},
    "RateLimit": {E.CALLER: "limit remaining resetAt cost"},
    "Athlete": {
        E.SHARED: "id firstName lastName displayName sex city country measurementSystem createdAt",
        E.DERIVED: "activities personalBests personalBestHistory bestEfforts paceCurve criticalSpeed racePredictions "
        "trainingSummary gear",
        E.OWNER: "hiddenRadiusMeters restingHeartRate maxHeartRate trainingLoad "
        "heartRateZones timeInHeartRateZones birthDate shares "
        "sharesAgeGrades stravaConnection jobs syncProblems deletedActivities",
    },
    "Activity": {
        E.SHARED: "id athlete name sportType source stravaId startedAt startedAtIsHidden startedAtLocal timezone timezoneText "
        "distanceMeters movingTimeSeconds elapsedTimeSeconds elevationGainMeters averageSpeedMetersPerSecond "
        "averagePaceSecondsPerKilometer averagePaceSecondsPerMile averageHeartRate maxHeartRate averageCadence visibility "
        "bestEfforts "
        "description deviceName isRace isTreadmill gear laps splits route streams",
        E.OWNER: "calories runsOnSameRoute heartRateZones recordingChoice hidden excluded notes original",
        E.DERIVED: "duplicateOf recordings pacing",
    },
    "ActivityStreams": {
        E.DERIVED: "sampleCount timeSeconds distanceMeters heartRate cadence altitudeMeters powerWatts "
        "temperatureCelsius speedMetersPerSecond gapsAfter",
        E.OWNER: "latitude longitude",
    },
    "Gear": {
        E.SHARED: "id athlete name retired",
        E.DERIVED: "distanceMeters",
        E.OWNER: "statedDistanceMeters",
    },
    "Route": {E.DERIVED: "polylines geoJson bounds"},
    "RouteBounds": {E.DERIVED: "south west north east"},
    "HeartRateZone": {
        E.OWNER: "number lowestBeatsPerMinute belowBeatsPerMinute validFrom isFromStrava"
    },
    "HeartRateZoneTime": {E.OWNER: "number seconds"},
    "Lap": {
        E.SHARED: "number startOffsetSeconds elapsedTimeSeconds movingTimeSeconds distanceMeters "
        "averageHeartRate paceSecondsPerKilometer paceSecondsPerMile"
    },
    "Split": {
        E.SHARED: "number startOffsetSeconds distanceMeters elapsedTimeSeconds movingTimeSeconds isPartial "
        "paceSecondsPerKilometer paceSecondsPerMile gradeAdjustedPaceSecondsPerKilometer "
        "gradeAdjustedPaceSecondsPerMile elevationChangeMeters averageHeartRate"
    },
    "BestEffort": {
        E.SHARED: "id activity distance distanceLabel distanceMeters elapsedTimeSeconds paceSecondsPerKilometer "
        "paceSecondsPerMile excluded provenance",
        E.DERIVED: "startOffsetSeconds achievedAt achievedAtLocal rank isPersonalBest counts",
        E.OWNER: "startDistanceMeters averageHeartRate",  # of who hides starts, as the athlete here does
        E.AGE: "ageGrade",
    },
    "PersonalBest": {
        E.SHARED: "id athlete distance distanceLabel distanceMeters elapsedTimeSeconds paceSecondsPerKilometer "
        "paceSecondsPerMile activity bestEffort",
        E.DERIVED: "achievedAt achievedAtLocal previous improvementSeconds",
        E.AGE: "ageGrade",
    },
    "AgeGrade": {
        # Also calculated, from what the caller gives (`Query.ageGrade`): then it is nobody's.
        E.AGE: "percent ageOnDay sex table ageFactor openStandardSeconds ageStandardSeconds ageGradedTimeSeconds "
        "distanceInterpolated"
    },
    "Pacing": {
        E.SHARED: "firstHalfMovingTimeSeconds secondHalfMovingTimeSeconds changePercent isNegativeSplit"
    },
    "CriticalSpeed": {
        E.DERIVED: "metersPerSecond paceSecondsPerKilometer paceSecondsPerMile distanceAboveMeters rSquared "
        "standardErrorMetersPerSecond distances firstDay lastDay"
    },
    "RacePrediction": {
        E.SHARED: "distance distanceLabel distanceMeters method",
        E.DERIVED: "elapsedTimeSeconds paceSecondsPerKilometer paceSecondsPerMile",
        E.WAY: "bestEffort",
    },
    "TrainingLoadDay": {
        E.OWNER: "day load fitness fatigue form runCount runsWithoutHeartRate",
    },
    "TrainingSummary": {
        E.DERIVED: "periodStart runCount distanceMeters movingTimeSeconds elapsedTimeSeconds elevationGainMeters "
        "longestRunMeters"
    },
    "StravaAccount": {
        E.OWNER: "stravaAthleteId scopes missingScopes connectedAt lastSyncedAt historyCompleteAt refusedAt",
    },
    "ApiToken": {E.OWNER: "id name hint scopes createdAt expiresAt lastUsedAt revokedAt"},
    "Job": {
        E.OWNER: "id kind status athlete progress attempts error result problems importReport export createdAt startedAt "
        "finishedAt version waitingUntil waitingSince"
    },
    "JobProgress": {E.OWNER: "done total percent estimatedSecondsLeft message"},
    "JobProblem": {E.OWNER: "stravaId code message documentation"},
    "Export": {E.OWNER: "url sizeBytes readyAt expiresAt"},
    "Original": {E.OWNER: "id fileName sizeBytes sha256 keptAt downloadUrl"},
    "ImportEntry": {E.OWNER: "path outcome message", E.WAY: "activity"},
    "ImportEntryConnection": {E.WAY: "edges nodes pageInfo", E.OWNER: "totalCount"},
    "ImportEntryEdge": {E.WAY: "node", E.OWNER: "cursor"},
    "DeletedActivity": {E.OWNER: "activityId stravaId deletedAt"},
    "SyncProblem": {
        E.WAY: "activity",
        E.OWNER: "stravaId code message documentation since tries triedAt nextTryAt",
    },
    "JobError": {E.OWNER: "code message retryable documentation"},
    "JobResult": {
        E.OWNER: "activitiesCreated activitiesUpdated activitiesDeleted personalBestsChanged "
        "changedActivityIds deletedActivityIds changedDistances"
    },
    "PageInfo": {E.DERIVED: "hasNextPage hasPreviousPage startCursor endCursor"},
    **{
        f"{name}Connection": _CONNECTION
        for name in (
            "Athlete",
            "Activity",
            "BestEffort",
            "Lap",
            "Split",
            "PersonalBest",
            "Job",
            "DeletedActivity",
        )
    },
    **{
        f"{name}Edge": _EDGE
        for name in (
            "Athlete",
            "Activity",
            "BestEffort",
            "Lap",
            "Split",
            "PersonalBest",
            "Job",
            "DeletedActivity",
        )
    },
    "Subscription": {E.OWNER: "jobUpdated athleteJobs athleteChanged"},
    "AthleteChanges": {
        E.OWNER: "athlete activities deletedActivityIds distances personalBests isComplete changedAt"
    },
    "Mutation": {
        E.WRITE: "stageUploads importActivities exportAthlete chooseRecording separateRecording deleteOriginal retrySyncProblems "
        "connectStrava disconnectStrava syncStrava recalculatePersonalBests recalculateAgeGrades cancelJob "
        "updateActivity deleteActivity restoreActivity createGear updateGear deleteGear "
        "retryJob updateAthlete excludeBestEffort createApiToken revokeApiToken submitFeedback"
    },
    "ConnectStravaPayload": {E.WRITE: "userErrors authorizationUrl"},
    "DisconnectStravaPayload": {E.WRITE: "userErrors athlete job"},
    "SyncStravaPayload": {E.WRITE: "userErrors job alreadyRunning taskId status"},
    "RecordingPayload": {E.WRITE: "userErrors activity recordings personalBestChanges"},
    "UpdateActivityPayload": {E.WRITE: "userErrors activity recordings personalBestChanges"},
    "DeleteActivityPayload": {
        E.WRITE: "userErrors deletedActivityId athlete recordings personalBestChanges"
    },
    "RestoreActivityPayload": {E.WRITE: "userErrors athlete job"},
    "GearPayload": {E.WRITE: "userErrors gear"},
    "DeleteGearPayload": {E.WRITE: "userErrors deletedGearId athlete replacement activityCount"},
    "PersonalBestChange": {E.WRITE: "distance formerId personalBest"},
    "DeleteOriginalPayload": {E.WRITE: "userErrors deletedId activities"},
    "StageUploadsPayload": {E.WRITE: "userErrors uploads"},
    "StagedUpload": {E.WRITE: "id url name sizeBytes expiresAt"},
    "ImportActivitiesPayload": {E.WRITE: "userErrors job"},
    "RetrySyncProblemsPayload": {E.WRITE: "userErrors job alreadyRunning"},
    "ExportAthletePayload": {E.WRITE: "userErrors job alreadyRunning"},
    "JobPayload": {E.WRITE: "userErrors job"},
    "UpdateAthletePayload": {E.WRITE: "userErrors athlete job"},
    "ExcludeBestEffortPayload": {E.WRITE: "userErrors bestEffort athlete personalBestChanges"},
    "CreateApiTokenPayload": {E.WRITE: "userErrors apiToken secret alreadyCreated"},
    "RevokeApiTokenPayload": {E.WRITE: "userErrors apiToken revokedWithIt"},
    "SubmitFeedbackPayload": {E.WRITE: "userErrors accepted"},
    "UserError": {E.WRITE: "field code message retryAt documentation"},
}


def classified() -> dict[tuple[str, str], Exposure]:
    """The table by (type, field)."""
    return {
        (type_name, field): exposure
        for type_name, exposures in EXPOSURE.items()
        for exposure, fields in exposures.items()
        for field in fields.split()
    }


def fields_of(schema: GraphQLSchema) -> set[tuple[str, str]]:
    """Every (type, field) of a schema, but introspection's."""
    types = [each for each in schema.type_map.values() if isinstance(each, GraphQLObjectType)]
    return {
        (each.name, field)
        for each in types
        if not each.name.startswith("__")
        for field in each.fields
    }
