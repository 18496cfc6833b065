from dataclasses import replace
from itertools import product

from ovh_spawner.domain.states import NotebookState, PushState, RunState
from ovh_spawner.service.db.notebooks import NotebookFilter
from ovh_spawner.service.db.records import Deletion
from ovh_spawner.service.operations.standing import state_of
from tests.support.world import ANN


async def test_the_database_filters_by_the_same_states_as_the_rules_tell(world):
    notebook = await world.stopped()
    ledger = world.service.means.ledger
    async with ledger.reading() as unit:
        record = await unit.notebooks.find(notebook.id)
        run = await unit.runs.find(notebook.last_run.id)
    for state, push, deletion, has_run in product(RunState, PushState, Deletion, (True, False)):
        changed = replace(run, state=state, push=push)
        current = replace(record, deletion=deletion, last_run=run.id if has_run else None)
        async with ledger.writing() as unit:
            await unit.runs.save(changed)
            await unit.notebooks.save(current)
            shown = state_of(current, changed if has_run else None)
            for asked in NotebookState:
                wanted = NotebookFilter(owner=ANN.name, states=frozenset({asked}))
                found = await unit.notebooks.list_page(wanted, skip=0, limit=1)
                assert await unit.notebooks.count(wanted) == len(found)
                assert bool(found) is (asked is shown), (state, push, deletion, has_run, asked)
