// The tabs of a first visit. A tab is titled by its operation's name. Variables that start out empty are
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
