"""Clips that are over as they are written down: the worker at work never sees them."""

from storage import Job, State, Store
from storage.jobs import columns_of
from tests.rig.drafts import draft


async def ended(store: Store, number: int, state: State, **values: object) -> Job:
    """A job in an end *state*; *number* makes its request unlike the others'."""
    row = columns_of(draft(number, state=state, due_at=None, **values))
    names = [each for each in row if each != "id"]
    sql = f"INSERT INTO job ({', '.join(names)}) VALUES ({', '.join(f':{each}' for each in names)})"
    job_id = await store.writer.write(lambda db: db.execute(sql, row).lastrowid)
    return await store.jobs.get(job_id)
