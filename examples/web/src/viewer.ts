// Who uses the app. All pages are shown for a signed-in athlete only.
import { createContext, useContext } from 'react';
import { graphql, type ResultOf } from './graphql.ts';

export const ViewerQuery = graphql(`
  query Viewer {
    now
    viewer {
      id
      scopes
      athlete {
        id
        displayName
        measurementSystem
        sex
        birthDate
        shares
        sharesAgeGrades
        stravaConnection { connectedAt lastSyncedAt refusedAt }
      }
    }
    athletes(first: 2) { nodes { id } }
  }
`);

type Answer = ResultOf<typeof ViewerQuery>;
export type Athlete = NonNullable<NonNullable<Answer['viewer']>['athlete']>;

export type KnownViewer = {
  athlete: Athlete;
  /** Whether the session or token may start syncs and change data. */
  maySync: boolean;
  /** Whether there are other athletes here whose data the viewer sees. */
  seesOthers: boolean;
  signOut: () => void;
};

export const ViewerContext = createContext<KnownViewer | null>(null);

export function useViewer(): KnownViewer {
  const viewer = useContext(ViewerContext);
  if (viewer === null) throw new Error('useViewer needs a signed-in athlete');
  return viewer;
}
