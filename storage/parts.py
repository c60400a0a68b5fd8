"""All that the store can do, by subject: each name is bound to a function of its table's file."""

from collections.abc import Callable, Collection
from contextlib import suppress
from functools import partial

from . import (
    accounting,
    audit,
    batches,
    decisions,
    digests,
    dossier,
    events,
    files,
    finding,
    greetings,
    guilds,
    jobs,
    ledger,
    marks,
    order_defaults,
    outbox,
    parking,
    pings,
    posts,
    presets,
    privacy,
    prompt_help,
    prompt_rules,
    reactions,
    reels,
    refused_orders,
    removals,
    reports,
    restoration,
    shots,
    takes,
    threads,
)
from .finding import Found
from .guilds import Server, server_of
from .job import Job
from .privacy import Forgotten
from .quota import admission, alarms, blocks, budget, grants, standing
from .quota import rules as quota_rules
from .quota.admission import Admitted, Changed, Holding, Refused
from .transactions import Part, erase, erase_at, read, read_at, read_long, write, write_at
from .writer import DiskTrouble

STEPS = 10  #: of clearing the index of words, each some ten milliseconds: 50,000 clips or so


class Jobs(Part):
    """The jobs, and the moves that they made."""

    add = write(jobs.add)
    save = write(jobs.save)
    reassign = write(jobs.reassign)
    set_places = write(jobs.set_places)

    get = read(jobs.get)
    by_message = read(jobs.by_message)
    by_token = read(jobs.by_token)
    by_remote = read(jobs.by_remote)
    requested = read(jobs.requested)

    of = read(jobs.of)
    all_of = read_long(jobs.of)
    in_thread = read(jobs.in_thread)
    newest = read(jobs.newest)
    ended = read(jobs.ended)
    unfinished = read(jobs.unfinished)
    without_card = read(jobs.without_card)

    live = read(jobs.live)
    due = read(jobs.due)
    late = read(jobs.late)
    of_shards = read(jobs.of_shards)

    count = read(jobs.count)
    counts = read(jobs.counts)
    durations = read(events.durations)
    history = read(events.history)


class Restorations(Part):
    """The backups that the database was restored from."""

    latest = read(restoration.latest)
    begin = write_at(restoration.begin)
    note_read_back = write(restoration.note_read_back)


class Batches(Part):
    """Jobs that one order made, and the one message about them."""

    of = read(batches.of)
    sheet = read(batches.sheet)
    decide = write_at(batches.decide)
    posted = write(batches.sheet_posted)


class Policy(Part):
    """What is asked before credits are spent."""

    attempt = write_at(admission.attempt)
    outlook = read_at(admission.outlook)
    standing = read_at(standing.standing)
    total = read_at(budget.total)
    providers_off = read(guilds.providers_off)
    without_threads = read(guilds.without_threads)
    bill = read(ledger.bill)

    async def admit(
        self,
        *drafts: Job,
        roles: Collection[int],
        terms: Holding | None = None,
        paced: bool = False,
        turn: Callable[[], object] = lambda: None,
    ) -> Admitted | Refused | Changed:
        """`admission.admit_all`. *turn* is called right before the transaction, and may raise."""
        moment = self.moment_of_write()
        return await self.transactions.write(
            lambda db: admission.admit_all(
                db, moment(db), drafts, roles=roles, terms=terms, paced=paced
            ),
            turn=turn,
        )

    def serves(self, guild_id: int) -> bool:
        """Whether the operator takes orders in a server at all."""
        return self.defaults.serves(guild_id)

    async def server(self, guild_id: int) -> Server:
        """The settings of a server."""
        return await self.transactions.read(lambda db: server_of(db, guild_id, self.defaults))


class Moderation(Part):
    """What moderators change about limits. Every change is on record with who made it."""

    set_rule = write_at(quota_rules.set_rule)
    remove_rule = write_at(quota_rules.remove_rule)
    rules = read(quota_rules.rules)

    set_server = write_at(guilds.set_server)
    pause = write_at(guilds.pause)
    resume = write_at(budget.resume)

    grant = write_at(grants.grant)
    withdraw = write_at(grants.withdraw)
    reset = write_at(grants.reset)
    grants = read_at(grants.grants)

    grant_asked = write_at(refused_orders.grant_asked)
    open_asked = write_at(refused_orders.open_asked)
    deny_asked = write_at(refused_orders.deny_asked)

    block = write_at(blocks.block)
    unblock = write_at(blocks.unblock)
    blocks = read_at(blocks.blocks)

    clear = write_at(decisions.clear)
    audit = read(audit.audit)

    alarm = write_at(alarms.alarm)
    alarm_told = write_at(alarms.alarm_told)
    budget_reached = read_at(alarms.budget_reached)
    untold = read(alarms.untold)
    alarms = read_at(alarms.alarms)


class Servers(Part):
    """What moderators see and decide of prompts, refused orders, single jobs and costs."""

    add_prompt_rule = write_at(prompt_rules.add_prompt_rule)
    remove_prompt_rule = write_at(prompt_rules.remove_prompt_rule)
    met = write_at(prompt_rules.met)
    prompt_hits = read(prompt_rules.prompt_hits)
    prompt_rules = read(prompt_rules.prompt_rules)

    keep_refused = write_at(refused_orders.keep_refused)
    refused = read(refused_orders.refused)
    ask = write_at(refused_orders.ask)

    set_lane = write_at(decisions.set_lane)
    move = write_at(decisions.move)
    take_down = write_at(decisions.take_down)
    take_down_all = write_at(decisions.take_down_all)

    use = read(reports.use)
    report = read_long(reports.use)
    spent = read_long(reports.spent)
    suspense = read(reports.suspense)

    channels_in_use = read(guilds.channels_in_use)


class Privacy(Part):
    """A person's rights to their data."""

    export = read_long(privacy.export)

    _forget = erase_at(privacy.forget)
    _merge_stale = write(finding.merge_stale)
    _stale = read(finding.stale)
    _tidy = erase_at(privacy.tidy)
    _tidy_is_due = read_at(privacy.tidy_is_due)

    async def forget(self, user_id: int) -> Forgotten | None:
        """`privacy.forget`; also takes the words out of the index, see `_clear_words`."""
        done = await self._forget(user_id)
        with suppress(DiskTrouble):  # it is done, and `tidy` goes on
            await self._clear_words()
        return done

    async def tidy(self) -> int:
        """`privacy.tidy`; erases only if something is due."""
        await self._clear_words()
        return await self._tidy() if await self._tidy_is_due() else 0

    async def _clear_words(self) -> None:
        """Take what was erased out of the index of words, `STEPS` steps at most: a huge index is
        cleared by several calls. Other transactions go between the steps."""
        if not await self._stale():
            return
        for _ in range(STEPS):
            if not await self._merge_stale():
                break
        await self.transactions.scrub()


class Takes(Part):
    """The takes of threads, their posts, and what people do with them."""

    number = write(takes.number)
    others_of = read(takes.others_of)
    get = read(takes.get)
    numbered = read(takes.numbered)
    of_thread = read(takes.of_thread)
    of_person = read(takes.of_person)
    latest = read(takes.latest)
    asked = read(jobs.requested)
    tally = read(takes.tally)
    overview = read(takes.overview)
    several = read(takes.several)
    parents = read(takes.parents)
    children = read(takes.children)
    beside = read(takes.beside)
    words_used = read(takes.words_used)
    measured = write(takes.measured)

    _with_words = read(finding.with_words)
    _unindexed = read(finding.waiting)
    _index = write(finding.index_new)
    of_one = read(finding.of_one)
    posted_in = read(finding.posted_in)

    posted = write(posts.posted)
    gone = write(posts.gone)
    gone_with = write(posts.gone_with)
    post = read(posts.post)
    posts_of = read(posts.posts_of)
    post_count = read(posts.post_count)
    recent_posts = read(posts.recent_posts)
    to_remove = read(posts.to_remove)
    condemned = read(posts.condemned)

    favourite = write(marks.favourite)
    sign_off = write(marks.sign_off)
    is_favourite = read(marks.is_favourite)
    favoured = read(marks.favoured)
    favourites = read(takes.favourites)
    count_favourites = read(takes.count_favourites)

    reaction = read(reactions.reaction)
    set_reaction = write(reactions.set_reaction)
    standing = read(reactions.standing)

    save_preset = write(presets.save_preset)
    delete_preset = erase(presets.delete_preset)
    presets = read(presets.presets)

    thread = read(threads.thread)
    parent_of = read(threads.parent_of)
    here_of = read(threads.here_of)
    set_thread = write(threads.set_thread)
    out_of_reach = write(threads.out_of_reach)
    upload_limit = read(threads.upload_limit)
    learn_limit = write(threads.learn_limit)

    droppable = read(files.droppable)
    drop = write(files.drop)

    async def with_words(
        self, words: str, *, guild_id: int, edge: int, newer: bool, limit: int, cost: float = 0.0
    ) -> Found:
        """`finding.with_words`; indexes what was ordered since that was last done."""
        if await self._unindexed():
            with suppress(DiskTrouble):  # all but the newest clips are found
                await self._index()
        search = partial(self._with_words, words, streams=self.transactions.streams_words)
        return await search(guild_id=guild_id, edge=edge, newer=newer, limit=limit, cost=cost)


class Removals(Part):
    """Clips that were deleted a moment ago."""

    get = read(removals.get)
    offered = write(removals.offered)
    undo = write_at(removals.undo)
    settled = read_at(removals.settled)
    count = read(removals.count)
    end = write(removals.end)


class Files(Part):
    """The files on the disk and in the bucket. Names are relative to the data directory."""

    holders = read(files.holders)
    needless = read(files.needless)
    unnamed = write(files.unnamed)
    inputs_of = read(files.inputs_of)
    restore = write(files.restore)

    copy_of = read(files.copy_of)
    missing = read(files.missing)
    missing_of = read(files.missing_of)
    begin = write(files.begin)
    finish = write(files.finish)
    lost = write(files.lost)
    expire = write(files.expire)
    unwanted = read(files.unwanted)
    deleted = write(files.deleted)


class Accounting(Part):
    """What providers billed, for the bot's bookkeeper."""

    overruns = read(accounting.overruns)
    told = write(accounting.told)
    note = write(accounting.note)
    incidents = read(accounting.incidents)
    told_of = write(accounting.told_of)
    clear = write(accounting.clear)
    settled = read(accounting.settled)
    needed_files = read(accounting.needed_files)


class Dossiers(Part):
    """All that is known of one job."""

    of = read(dossier.dossier)


class Parkings(Part):
    """The times that jobs came to wait. They are written by the moves themselves."""

    open = read(parking.unresolved)
    told = write(parking.told)
    over = write(parking.over)


class Pings(Part):
    """How people hear of their clips."""

    of = read(pings.ping_of)
    set = write(pings.set_ping)


class Choices(Part):
    """What people and channels chose for new orders."""

    own = read(order_defaults.own_defaults)
    channels = read(order_defaults.channel_defaults)
    at = read(order_defaults.defaults_at)
    threads_at = read(order_defaults.threads_at)
    threads = read(order_defaults.channel_threads)
    own_threads = read(order_defaults.own_threads)
    set_own = write(order_defaults.set_own_defaults)
    set_channel = write_at(order_defaults.set_channel_defaults)


class Greetings(Part):
    """Which servers have yet to be greeted."""

    see = write_at(greetings.see)
    due = read(greetings.due)
    over = write(greetings.over)


class Digests(Part):
    """What moderators hear once a day."""

    wanting = read_at(digests.wanting)
    begin = write_at(digests.begin)
    over = write_at(digests.over)
    failed = read(digests.failed)
    waiting = read_at(digests.waiting)


class PromptHelps(Part):
    """Suggested prompts, and whose may be sent to the operator's endpoint."""

    keep_draft = write_at(prompt_help.keep_draft)
    draft = read_at(prompt_help.draft)
    agree = write_at(prompt_help.agree)
    withdraw = write(prompt_help.withdraw)
    agreed = read(prompt_help.agreed)
    spend = write_at(prompt_help.spend)


class Outbox(Part):
    """Events that an operator's webhooks have yet to take. They are written by what they tell."""

    set_receivers = erase(outbox.set_receivers)
    due = read(outbox.due)
    taken = write(outbox.taken)
    hold = write(outbox.hold)
    put_off = write(outbox.put_off)
    give_up = write(outbox.give_up)
    backlogs = read(outbox.backlogs)


class Shots(Part):
    """What is filed under the names of shots."""

    file_thread = write(shots.file_thread)
    file_clip = write(shots.file_clip)
    of_channel = read(shots.of_channel)
    filed_as = read(shots.filed_as)
    clips = read(shots.clips)
    costs = read(takes.costs)


class Reels(Part):
    """Reels that were asked for and are not posted yet."""

    ask = write(reels.ask)
    begin = write(reels.begin)
    get = read(reels.get)
    begun = read(reels.begun)
    has_card = write(reels.has_card)
    make = write(reels.make)
    post = write(reels.post)
    again = write(reels.again)
    over = write(reels.over)
