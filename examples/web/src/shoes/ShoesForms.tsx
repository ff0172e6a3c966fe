// Add shoes, rename them, retire them. A rename shows at once, before the server answers.
import { useId, useState, type FormEvent } from 'react';
import { useMutation } from 'urql';
import { graphql, readFragment, type FragmentOf } from '../graphql.ts';
import { messageOf } from '../ui/states.tsx';
import { useFocusAfter } from '../ui/useFocusAfter.ts';

export const Shoes_gear = graphql(`
  fragment Shoes_gear on Gear { id name retired }
`);

export const EditGear = graphql(`
  mutation EditGear($input: UpdateGearInput!) {
    updateGear(input: $input) { gear { id name retired } userErrors { message } }
  }
`);

export const AddGear = graphql(`
  mutation AddGear($input: CreateGearInput!) {
    createGear(input: $input) { gear { id name retired athlete { id } } userErrors { message } }
  }
`);

export function EditShoes({ gear }: { gear: FragmentOf<typeof Shoes_gear> }) {
  const { id, name, retired } = readFragment(Shoes_gear, gear);
  const [isOpen, open] = useState(false);
  const [{ data, error }, edit] = useMutation(EditGear);
  const problem = data?.updateGear.userErrors[0]?.message ?? (error && messageOf(error));
  const button = useFocusAfter(isOpen);
  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const { data: answer, error: failure } = await edit({ input: { gearId: id, name: String(form.get('name')), retired: form.has('retired') } });
    if (!failure && !answer?.updateGear.userErrors.length) open(false);
  };
  if (!isOpen) {
    return <button ref={button} type="button" className="button" aria-label={`Edit ${name ?? 'shoes'}`} onClick={() => open(true)}>Edit</button>;
  }
  return (
    <form className="fields shoes-form" onSubmit={submit} aria-label={`Edit ${name ?? 'shoes'}`}>
      <label><span>Name</span><input name="name" defaultValue={name ?? ''} required maxLength={100} autoFocus /></label>
      <label className="check">
        <input type="checkbox" name="retired" defaultChecked={retired} />
        <span>No longer worn</span>
      </label>
      <div className="row">
        <button type="submit" className="button primary">Save</button>
        <button type="button" className="button" onClick={() => open(false)}>Cancel</button>
      </div>
      {problem && <p className="problem" role="alert">{problem}</p>}
    </form>
  );
}

export function AddShoes({ athlete }: { athlete: string }) {
  const heading = useId();
  const [{ data, error, fetching }, add] = useMutation(AddGear);
  const problem = data?.createGear.userErrors[0]?.message ?? (error && messageOf(error));
  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = event.currentTarget;
    const answer = await add({ input: { athleteId: athlete, name: String(new FormData(form).get('name')) } });
    if (answer.data?.createGear.gear) form.reset();
  };
  return (
    <section className="card padded" aria-labelledby={heading}>
      <div className="card-head"><h2 id={heading}>Add shoes</h2></div>
      <form className="fields" onSubmit={submit}>
        <label><span>Name</span><input name="name" required maxLength={100} /></label>
        <div className="row"><button type="submit" className="button" disabled={fetching}>Add</button></div>
        {problem && <p className="problem" role="alert">{problem}</p>}
      </form>
    </section>
  );
}
