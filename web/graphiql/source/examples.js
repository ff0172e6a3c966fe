// The tabs of a first visit, and what the menu offers beside them. A tab is titled by its operation's name. Variables that start out empty are
// filled in by fill.js: an example runs as it stands, without copying ids.
const tab = (query, variables) => ({
  query: query.trim() + '\n',
  variables: variables && JSON.stringify(variables, null, 2),
});

export const EXAMPLES = [
  tab(`
# Who am I? Run with Ctrl-Enter.
# Null means signed out: sign in at the top
# right, or enter a token under Headers:
#   { "Authorization": "Bearer …" }
query Viewer {
  viewer {
    scopes
    athlete {
      id
      displayName
    }
  }
}`),

  tab(`
# Fetches new activities from Strava.
# It starts a job and answers at once: watch
# the job in the next tab, which knows its id.
mutation Sync($athleteId: ID!, $mode: SyncMode!) {
  syncStrava(input: { athleteId: $athleteId, mode: $mode }) {
    alreadyRunning
    job {
      id
      kind
      status
      createdAt
    }
    userErrors {
      field
      code
      message
    }
  }
}`, { athleteId: '', mode: 'INCREMENTAL' }),

  tab(`
# The job's state now, then every change
# until it has ended, over a WebSocket.
subscription WatchTheJob($id: ID!) {
  jobUpdated(id: $id) {
    kind
    status
    progress {
      done
      total
      percent
      estimatedSecondsLeft
      message
    }
    waitingUntil
    error {
      code
      message
      retryable
    }
    result {
      activitiesCreated
      activitiesUpdated
      activitiesDeleted
      personalBestsChanged
    }
  }
}`, { id: '' }),

  tab(`
# Personal bests, shortest distance first.
# Age grades need birth date and sex.
query PersonalBests($distances: [StandardDistance!]) {
  viewer {
    athlete {
      displayName
      personalBests(distances: $distances) {
        distance
        elapsedTimeSeconds
        achievedAt
        improvementSeconds
        ageGrade {
          percent
          ageOnDay
          table
          ageGradedTimeSeconds
        }
        activity {
          id
          name
        }
      }
    }
  }
}`, { distances: ['KM5', 'KM10', 'HALF_MARATHON', 'MARATHON'] }),

  tab(`
# One page of activities. For the next one
# copy endCursor into the variable "after".
query Activities($first: Int!, $after: String) {
  viewer {
    athlete {
      activities(first: $first, after: $after) {
        totalCount
        pageInfo {
          hasNextPage
          endCursor
        }
        nodes {
          id
          name
          sportType
          startedAtLocal
          distanceMeters
          movingTimeSeconds
          averagePaceSecondsPerKilometer
          elevationGainMeters
        }
      }
    }
  }
}`, { first: 10, after: null }),

  tab(`
# The age grade of any result.
# Needs no account and no data.
query AgeGrade($input: AgeGradeInput!) {
  ageGrade(input: $input) {
    percent
    table
    ageFactor
    ageGradedTimeSeconds
    ageStandardSeconds
    openStandardSeconds
  }
}`, { input: { distanceMeters: 10000, elapsedTimeSeconds: 2400, sex: 'FEMALE', age: 45 } }),
];

/** By the names in the menu. */
export const MORE_EXAMPLES = {
  'Race predictions and critical speed': tab(`
# What the efforts of half a year promise.
# Empty without efforts near enough: set
# "from" further back.
query Predictions($from: Date) {
  viewer {
    athlete {
      criticalSpeed(from: $from) {
        paceSecondsPerKilometer
        distanceAboveMeters
      }
      racePredictions(from: $from, distances: [KM5, KM10, HALF_MARATHON, MARATHON]) {
        distanceLabel
        elapsedTimeSeconds
        bestEffort {
          distanceLabel
          elapsedTimeSeconds
        }
      }
    }
  }
}`, { from: '2020-01-01' }),

  'Pace curve': tab(`
# The fastest effort over each distance.
query PaceCurve($from: Date) {
  viewer {
    athlete {
      paceCurve(from: $from) {
        distanceLabel
        paceSecondsPerKilometer
      }
    }
  }
}`, { from: '2020-01-01' }),

  'Latest run with splits and chart': tab(`
# A chart costs its points: lower maxPoints,
# and see the cost below the answer.
query LatestRun($maxPoints: Int!) {
  viewer {
    athlete {
      activities(first: 1) {
        nodes {
          name
          splits(first: 50) {
            nodes {
              number
              paceSecondsPerKilometer
            }
          }
          streams(maxPoints: $maxPoints) {
            distanceMeters
            speedMetersPerSecond
            heartRate
          }
        }
      }
    }
  }
}`, { maxPoints: 100 }),

  'Training load of a month': tab(`
# Needs heart rates at rest and at most:
# updateAthlete sets them.
query TrainingLoad {
  viewer {
    athlete {
      restingHeartRate
      maxHeartRate
      trainingLoad(days: 30) {
        day
        load
        fitness
        fatigue
        form
      }
    }
  }
}`),

  'Note something on a run': tab(`
# Only you see notes. null clears them.
mutation NoteRun($activityId: ID!, $notes: String) {
  updateActivity(input: { activityId: $activityId, notes: $notes }) {
    activity {
      id
      name
      notes
    }
    userErrors {
      field
      code
      message
    }
  }
}`, { activityId: '', notes: 'Tailwind on the way home' }),

  'Watch what changes': tab(`
# Run it, then note something on a run in
# another window.
subscription WatchChanges($athleteId: ID!) {
  athleteChanged(athleteId: $athleteId) {
    activities {
      id
      name
      notes
    }
    distances
    deletedActivityIds
    changedAt
  }
}`, { athleteId: '' }),
};
