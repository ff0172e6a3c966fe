// Who is signed in decides what is shown; then the path does.
import { Suspense, useEffect, useMemo, useRef, useState } from 'react';
import { Provider } from 'urql';
import { Link, Route, Switch, useLocation } from 'wouter';
import { useChanges } from './changes.ts';
import { createClient } from './client.ts';
import { useConnectionIsLost, watchConnection, connectionIsLost } from './connection.ts';
import { createFreshness, type Freshness } from './freshness.ts';
import { BestsPage } from './bests/BestsPage.tsx';
import { DistancePage } from './bests/DistancePage.tsx';
import { BoardPage } from './board/BoardPage.tsx';
import { BOARD, NAVIGATION } from './pages.ts';
import { RunPage } from './run/RunPage.tsx';
import { DeletedNotice } from './runs/DeletedNotice.tsx';
import { RunsPage } from './runs/RunsPage.tsx';
import { useScroll } from './scroll.ts';
import * as session from './session.ts';
import { SettingsPage } from './settings/SettingsPage.tsx';
import { ShoesPage } from './shoes/ShoesPage.tsx';
import { useShown } from './shown.ts';
import { SignIn } from './SignIn.tsx';
import { TrainingPage } from './training/TrainingPage.tsx';
import { Icon } from './ui/Icon.tsx';
import { Empty, Failure, Skeleton } from './ui/states.tsx';
import { Title } from './ui/Title.tsx';
import { UploadPage } from './upload/UploadPage.tsx';
import { UnitsContext } from './units.ts';
import { ViewerContext, ViewerQuery } from './viewer.ts';

export function App() {
  const [sessions, countSession] = useState(0);
  const next = () => countSession((count) => count + 1);
  const freshness = useMemo(createFreshness, [sessions]);
  const client = useMemo(() => createClient(freshness, next), [freshness]);
  return (
    <Provider value={client} key={sessions}>
      <Connection />
      <Signed freshness={freshness} onSignedOut={next} />
    </Provider>
  );
}

const Connection = () => <Trouble text={useConnectionIsLost() && 'Connection lost. Trying again …'} />;

function Trouble({ text }: { text: string | false }) {
  return <div className="connection" role="status" data-shown={text !== false}>{text}</div>;
}

const RETRY_MS = 3000;

/** Ask again with `ask` while the connection is lost, and once when it is back. */
function useRetry(ask: () => void): void {
  useEffect(() => {
    let timer = 0;
    const look = () => {
      clearInterval(timer);
      if (connectionIsLost()) timer = window.setInterval(ask, RETRY_MS);
    };
    look();
    const stop = watchConnection(look);
    window.addEventListener('online', ask);
    return () => {
      clearInterval(timer);
      stop();
      window.removeEventListener('online', ask);
    };
  });
}

function Signed({ freshness, onSignedOut }: { freshness: Freshness; onSignedOut: () => void }) {
  const [{ data, error }, ask] = useShown({ query: ViewerQuery });
  useRetry(() => ask({ requestPolicy: 'network-only' }));
  const account = useRef<string | null>(undefined);
  useEffect(() => {
    if (!data) return;
    const found = data.viewer?.id ?? null;
    if (account.current !== undefined && account.current !== found) onSignedOut(); // somebody signed in in another window
    account.current = found;
  }, [data]);
  const leave = async () => {
    await session.signOut().catch(() => undefined);
    onSignedOut();
  };
  if (!data) {
    if (error) return <main className="page"><Failure error={error} retry={() => ask({ requestPolicy: 'network-only' })} /></main>;
    return <Frame><Skeleton lines={6} height={64} /></Frame>;
  }
  if (!data.viewer) return <SignIn />;
  const { athlete, scopes } = data.viewer;
  if (!athlete) {
    return (
      <Frame>
        <Empty icon="warn" title="This account has no runs of its own">
          <p>It belongs to no athlete. Use an athlete’s account, or <a href="/graphiql">GraphiQL</a> to see what you may see.</p>
          <button type="button" className="button" onClick={leave}>Sign out</button>
        </Empty>
      </Frame>
    );
  }
  const known = {
    athlete,
    maySync: scopes.some((scope) => scope !== 'READ'),
    seesOthers: data.athletes?.nodes.some(({ id }) => id !== athlete.id) ?? false,
    signOut: leave,
  };
  return (
    <ViewerContext.Provider value={known}>
      <UnitsContext.Provider value={athlete.measurementSystem}>
        <Changes athlete={athlete.id} begun={data.now} freshness={freshness} />
        <Frame athlete={athlete.displayName} seesOthers={known.seesOthers}><Pages /></Frame>
        <DeletedNotice />
      </UnitsContext.Provider>
    </ViewerContext.Provider>
  );
}

/** What it hears makes queries ask again. */
function Changes({ athlete, begun, freshness }: { athlete: string; begun: string; freshness: Freshness }) {
  const isAway = useChanges(athlete, begun, freshness);
  const isLost = useConnectionIsLost();
  return <Trouble text={isAway && !isLost && 'No live news for now. Trying again …'} />;
}

function Frame({ athlete, seesOthers, children }: { athlete?: string; seesOthers?: boolean; children: React.ReactNode }) {
  const [path] = useLocation();
  const pages = seesOthers ? [...NAVIGATION, BOARD] : NAVIGATION;
  return (
    <>
      <a className="skip" href="#main">Skip to content</a>
      <header className="top">
        <Link href="/" className="wordmark">
          <svg viewBox="0 0 32 32" aria-hidden="true">
            <rect width="32" height="32" rx="7" />
            <path d="M5 21l6-7 5 4 4-9 7 12" />
          </svg>
          pacegraph
        </Link>
        <nav className="nav" aria-label="Pages">
          {pages.map(({ path: to, name, icon }) => (
            <Link key={to} href={to} aria-current={isAt(path, to) ? 'page' : undefined}>
              <Icon name={icon} /><span>{name}</span>
            </Link>
          ))}
        </nav>
        {athlete && (
          <Link href="/settings" className="me" aria-label={`Settings of ${athlete}`} data-initials={initials(athlete)} />
        )}
      </header>
      <main className="page" id="main" tabIndex={-1}>{children}</main>
    </>
  );
}

const isAt = (path: string, to: string): boolean =>
  to === '/' ? path === '/' || path.startsWith('/runs/') : path === to || path.startsWith(`${to}/`);

const initials = (name: string): string =>
  name.split(' ').map((word) => word[0] ?? '').slice(0, 2).join('').toUpperCase();

function Pages() {
  const [path] = useLocation();
  useScroll(path);
  return (
    <Suspense fallback={<Skeleton lines={6} height={64} />}>
      <Switch>
        <Route path="/" component={RunsPage} />
        <Route path="/bests" component={BestsPage} />
        <Route path="/bests/:distance">{({ distance }) => <DistancePage key={distance} distance={distance} />}</Route>
        <Route path="/training" component={TrainingPage} />
        <Route path="/shoes" component={ShoesPage} />
        <Route path="/upload" component={UploadPage} />
        <Route path="/leaderboard" component={BoardPage} />
        <Route path="/settings" component={SettingsPage} />
        <Route path="/runs/:id">{({ id }) => <RunPage key={id} id={decodeURIComponent(id)} />}</Route>
        <Route>
          <Title name="Not found">There is no such page</Title>
          <p><Link href="/">All runs</Link></p>
        </Route>
      </Switch>
    </Suspense>
  );
}
