import { signInAddress } from './session.ts';
import { Title } from './ui/Title.tsx';

export function SignIn() {
  return (
    <main className="welcome">
      <svg className="welcome-art" viewBox="0 0 600 200" preserveAspectRatio="none" aria-hidden="true">
        <path className="welcome-area" d="M0 200V150L70 120L120 138L190 84L240 112L300 50L360 96L420 66L490 108L545 74L600 96V200Z" />
        <path className="welcome-line" d="M0 150L70 120L120 138L190 84L240 112L300 50L360 96L420 66L490 108L545 74L600 96" />
      </svg>
      <div className="welcome-text">
        <p className="wordmark">pacegraph</p>
        <Title name="Sign in">Every run you have done, on a server of your own.</Title>
        <p className="lead">
          Personal bests found inside your runs, age grades, splits and training, kept in step with Strava or read from your watch’s files.
        </p>
        <a className="button primary large" href={signInAddress()}>Sign in with Strava</a>
        <p className="quiet-text">
          Nobody else sees your runs unless you share them. Developers: this page is made with the <a href="/graphiql">GraphQL API</a>.
        </p>
      </div>
    </main>
  );
}
