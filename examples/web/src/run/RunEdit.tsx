// Rename a run, note something on it, hide it, delete it. Edits show at once, before the server answers.
import { useState, type FormEvent } from 'react';
import { useMutation } from 'urql';
import { useLocation } from 'wouter';
import { noteDeleted } from '../deleted.ts';
import { graphql, readFragment, type FragmentOf } from '../graphql.ts';
import { messageOf } from '../ui/states.tsx';

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

export function RunEdit({ activity }: { activity: FragmentOf<typeof RunEdit_activity> }) {
  const run = readFragment(RunEdit_activity, activity);
  const [isOpen, open] = useState(false);
  const [{ data, error }, edit] = useMutation(EditRun);
  const problem = data?.updateActivity.userErrors[0]?.message ?? (error && messageOf(error));
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const input = {
      activityId: run.id, name: String(form.get('name')), notes: String(form.get('notes')) || null, hidden: form.has('hidden'),
    };
    open(false);
    void edit({ input });
  };
  return (
    <div className="run-edit">
      {problem && <p className="problem" role="alert">{problem}</p>}
      {isOpen ? (
        <form className="card padded fields" onSubmit={submit} aria-label="Edit this run">
          <label><span>Name</span><input name="name" defaultValue={run.name} required maxLength={200} autoFocus /></label>
          <label><span>Notes, for you alone</span><textarea name="notes" rows={3} defaultValue={run.notes ?? ''} /></label>
          <label className="check">
            <input type="checkbox" name="hidden" defaultChecked={run.hidden ?? false} />
            <span>Hide it from others, whatever Strava allows</span>
          </label>
          <div className="row">
            <button type="submit" className="button primary">Save</button>
            <button type="button" className="button" onClick={() => open(false)}>Cancel</button>
            <DeleteButton id={run.id} name={run.name} />
          </div>
        </form>
      ) : <button type="button" className="button" onClick={() => open(true)}>Edit</button>}
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
