// Rename a run, note something on it, hide it, delete it. Edits show at once, before the server answers.
import { useState, type FormEvent } from 'react';
import { useMutation } from 'urql';
import { useLocation } from 'wouter';
import { noteDeleted } from '../deleted.ts';
import { graphql, readFragment, type FragmentOf } from '../graphql.ts';
import { messageOf } from '../ui/states.tsx';
import { useFocusAfter } from '../ui/useFocusAfter.ts';

export const RunEdit_activity = graphql(`
  fragment RunEdit_activity on Activity { id name notes hidden }
`);

export const EditRun = graphql(`
  mutation EditRun($input: UpdateActivityInput!) {
    updateActivity(input: $input) {
      activity { id name notes hidden visibility }
      recordings { id hidden visibility }
      userErrors { message }
    }
  }
`);

export const DeleteRun = graphql(`
  mutation DeleteRun($input: DeleteActivityInput!) {
    deleteActivity(input: $input) {
      deletedActivityId
      userErrors { message }
    }
  }
`);

type Draft = { name: string; notes: string | null; hidden: boolean };

export function RunEdit({ activity }: { activity: FragmentOf<typeof RunEdit_activity> }) {
  const run = readFragment(RunEdit_activity, activity);
  const [isOpen, open] = useState(false);
  const [draft, keep] = useState<Draft | null>(null); // what was refused, to be corrected
  const [{ data, error }, edit] = useMutation(EditRun);
  const problem = data?.updateActivity.userErrors[0]?.message ?? (error && messageOf(error));
  const button = useFocusAfter(isOpen);
  const shown = draft ?? { ...run, hidden: run.hidden ?? false };
  const close = () => {
    open(false);
    keep(null);
  };
  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const edited = { name: String(form.get('name')), notes: String(form.get('notes')) || null, hidden: form.has('hidden') };
    close();
    const answer = await edit({ input: { activityId: run.id, ...edited } });
    if (!answer.error && !answer.data?.updateActivity.userErrors.length) return;
    keep(edited);
    open(true);
  };
  return (
    <div className="run-edit">
      {problem && <p className="problem" role="alert">{problem}</p>}
      {isOpen ? (
        <form className="card padded fields" onSubmit={submit} aria-label="Edit this run">
          <label><span>Name</span><input name="name" defaultValue={shown.name} required maxLength={500} autoFocus /></label>
          <label><span>Notes, for you alone</span><textarea name="notes" rows={3} defaultValue={shown.notes ?? ''} maxLength={10_000} /></label>
          <label className="check">
            <input type="checkbox" name="hidden" defaultChecked={shown.hidden} />
            <span>Hide it from others, whatever Strava allows</span>
          </label>
          <div className="row">
            <button type="submit" className="button primary">Save</button>
            <button type="button" className="button" onClick={close}>Cancel</button>
            <DeleteButton id={run.id} name={run.name} />
          </div>
        </form>
      ) : <button ref={button} type="button" className="button" onClick={() => open(true)}>Edit</button>}
    </div>
  );
}

/** Back to the list at once: the notice there can undo it, and says if it was refused. */
function DeleteButton({ id, name }: { id: string; name: string }) {
  const [, remove] = useMutation(DeleteRun);
  const [, go] = useLocation();
  const click = async () => {
    go('/');
    noteDeleted({ id, name });
    const { data, error } = await remove({ input: { activityId: id } });
    const problem = data?.deleteActivity.userErrors[0]?.message ?? (error && messageOf(error));
    if (problem) noteDeleted({ id, name, problem });
  };
  return <button type="button" className="button danger" onClick={click}>Delete run</button>;
}
