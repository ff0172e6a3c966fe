// Files of a watch or an export, sent in parts that go on after a lost connection, then imported by a job.
import { useEffect, useRef, useState, type DragEvent } from 'react';
import { useClient } from 'urql';
import { Link } from 'wouter';
import { graphql } from '../graphql.ts';
import { runPath } from '../pages.ts';
import { useShown } from '../shown.ts';
import { JobProgress, useJob } from '../sync/JobProgress.tsx';
import { Icon } from '../ui/Icon.tsx';
import { Title } from '../ui/Title.tsx';
import { whole } from '../units.ts';
import { useViewer } from '../viewer.ts';
import { importFiles, type Sending } from './importFiles.ts';
import { sampleRun } from './sampleRun.ts';

export const ReportQuery = graphql(`
  query ImportReport($job: ID!) {
    job(id: $job) {
      id
      importReport(first: 200) {
        totalCount
        nodes { path outcome message activity { id name } }
      }
    }
  }
`);

const MOST_FILES = 100;
const ENDINGS = '.fit,.gpx,.tcx,.gz,.zip';

export function UploadPage() {
  const { athlete, maySync } = useViewer();
  const client = useClient();
  const [sending, setSending] = useState<Sending[]>([]);
  const [jobId, watch] = useState<string | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const [isSending, setIsSending] = useState(false);
  const [job, unfollowed] = useJob(jobId);
  const isBusy = isSending || (job !== null && !job.isOver && !unfollowed);

  const send = async (files: File[]) => {
    if (files.length === 0 || isBusy) return;
    setProblem(files.length > MOST_FILES ? `At most ${MOST_FILES} files at once. Put more into a ZIP archive.` : null);
    if (files.length > MOST_FILES) return;
    watch(null);
    setIsSending(true);
    try {
      watch(await importFiles(client, athlete.id, files, setSending));
    } catch (error) {
      setProblem((error as Error).message);
    }
    setIsSending(false);
  };

  return (
    <>
      <div className="page-head"><Title name="Upload">Upload files</Title></div>
      <div className="stack narrow">
        {maySync ? <Drop onFiles={send} isBusy={isBusy} /> : <p className="card padded">This token may only read. Sign in to upload files.</p>}
        {(problem ?? unfollowed) && <p className="failure" role="alert"><Icon name="warn" />{problem ?? unfollowed}</p>}
        {(sending.length > 0 || job) && (
          <section className="card padded" aria-label="Import">
            {isSending && <SendingList sending={sending} />}
            {job && <JobProgress job={job} done="Imported" />}
            {jobId && <Report jobId={jobId} version={job?.version ?? 0} />}
          </section>
        )}
      </div>
    </>
  );
}

function Drop({ onFiles, isBusy }: { onFiles: (files: File[]) => void; isBusy: boolean }) {
  const input = useRef<HTMLInputElement>(null);
  const [isOver, setIsOver] = useState(false);
  const drag = (event: DragEvent, over: boolean) => {
    event.preventDefault();
    setIsOver(over);
  };
  return (
    <div
      className={isOver ? 'card drop over' : 'card drop'}
      onDragOver={(event) => drag(event, true)} onDragLeave={(event) => drag(event, false)}
      onDrop={(event) => {
        drag(event, false);
        onFiles([...event.dataTransfer.files]);
      }}
    >
      <Icon name="file" />
      <p className="drop-title">Drop recordings here</p>
      <p className="quiet-text">FIT, GPX and TCX files, also with gzip, and whole exports of Strava or Garmin as ZIP. Only you see what they bring.</p>
      <div className="row">
        <button type="button" className="button primary" disabled={isBusy} onClick={() => input.current?.click()}><Icon name="upload" />Choose files</button>
        <button type="button" className="button" disabled={isBusy} onClick={() => onFiles([sampleRun()])}>Try a sample run</button>
      </div>
      <input
        ref={input} type="file" multiple hidden accept={ENDINGS} aria-label="Files"
        onChange={(event) => {
          onFiles([...(event.target.files ?? [])]);
          event.target.value = '';
        }}
      />
    </div>
  );
}

function SendingList({ sending }: { sending: readonly Sending[] }) {
  return (
    <ul className="meters wide">
      {sending.map((each, index) => (
        <li key={index}>
          <span>{each.name}</span>
          <progress className="bar" max={each.bytes} value={each.sent} aria-label={`Sent of ${each.name}`} />
          <span className="meter-value">{whole((100 * each.sent) / Math.max(1, each.bytes))} %</span>
        </li>
      ))}
    </ul>
  );
}

const OUTCOMES: Record<string, string> = { IMPORTED: 'New', SAME_AS: 'Known', UPDATED: 'Changed', SKIPPED: 'Skipped', FAILED: 'Failed' };

/** What became of each file, asked for again with each change of the job. */
function Report({ jobId, version }: { jobId: string; version: number }) {
  const [{ data }, ask] = useShown({ query: ReportQuery, variables: { job: jobId } });
  useEffect(() => ask({ requestPolicy: 'network-only' }), [version, ask]);
  const report = data?.job?.importReport;
  if (!report || report.nodes.length === 0) return null;
  return (
    <ul className="report">
      {report.nodes.map((entry, index) => (
        <li key={index} data-outcome={entry.outcome}>
          <span className="badge">{OUTCOMES[entry.outcome] ?? entry.outcome}</span>
          <span>
            {entry.activity ? <Link href={runPath(entry.activity.id)}>{entry.activity.name}</Link> : entry.path}
            <span className="quiet-text"> {entry.message}</span>
          </span>
        </li>
      ))}
      {report.totalCount > report.nodes.length && <li className="quiet-text">and {whole(report.totalCount - report.nodes.length)} more</li>}
    </ul>
  );
}
