"""Bugs that somebody might write, each with the tests that must go red for it: `make mutants`.

The zeros of all other proofs mean something only if a broken Dailies turns them into failures.

One file: it is a table, and is read and counted as one.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Mutant:
    """One small edit of the product's text that breaks a promise."""

    bug: str  #: what is wrong then, in a few words
    file: str
    old: str  #: occurs exactly once in the file
    new: str
    tests: tuple[str, ...]  #: files, or tests as pytest names them: at least one must fail


ADMISSION = "storage/quota/admission.py"
LEDGER = "storage/ledger.py"
JOBS = "storage/jobs.py"
STEPS = "bot/jobs/steps.py"
WORKER = "bot/jobs/worker.py"
FETCH = "bot/files/fetch.py"
HTTP = "bot/providers/_http.py"
CALLBACKS = "bot/jobs/callbacks.py"

TEST_LEDGER = "tests/storage/test_ledger.py"
TEST_POLICY = "tests/storage/test_policy.py"
TEST_WORKER = "tests/jobs/test_worker.py"
TEST_SENT_ONCE = "tests/jobs/test_sent_once.py"
TEST_BROUGHT_HOME = "tests/jobs/test_brought_home.py"
TEST_FETCH = "tests/files/test_fetch.py"
TEST_DOWNLOADS = "tests/files/test_downloads.py"
TEST_NOT_SURE = "tests/jobs/test_not_sure.py"
TEST_EDGE = "tests/providers/test_http_edge.py"

MONEY = (
    Mutant(
        "an order is judged before the transaction that takes it",
        "storage/parts.py",
        """\
        return await self.transactions.write(
            lambda db: admission.admit_all(
                db, moment(db), drafts, roles=roles, terms=terms, paced=paced
            ),
            turn=turn,
        )
""",
        """\
        before = self.moment_of_read()
        seen = await self.transactions.read(
            lambda db: admission._asked(db, before(db), drafts[0], roles=roles)
        )

        def act(db):
            fresh, admission._asked = admission._asked, lambda *_, **__: seen
            try:
                return admission.admit_all(
                    db, moment(db), drafts, roles=roles, terms=terms, paced=paced
                )
            finally:
                admission._asked = fresh

        return await self.transactions.write(act, turn=turn)
""",
        (f"{TEST_POLICY}::test_of_two_hundred_at_once_exactly_one_is_taken",),
    ),
    Mutant(
        "the database lets two jobs have one request",
        "storage/migrations/0001_jobs.sql",
        "request         TEXT    NOT NULL UNIQUE,",
        "request         TEXT    NOT NULL,",
        ("tests/fire/test_rows.py",),
    ),
    Mutant(
        "the database lets a job be settled twice",
        "storage/migrations/0002_ledger.sql",
        "CREATE UNIQUE INDEX txn_settle",
        "CREATE INDEX txn_settle",
        (TEST_LEDGER,),
    ),
    Mutant(
        "a job that was settled is settled again",
        LEDGER,
        "if job.state not in ENDED or _is_settled(db, job.id):",
        "if job.state not in ENDED:",
        (TEST_LEDGER,),
    ),
    Mutant(
        "what was captured is given back, too",
        LEDGER,
        "moves.append(Transfer(source=held, target=source, amount=amount - kept))",
        "moves.append(Transfer(source=held, target=source, amount=amount))",
        (TEST_LEDGER,),
    ),
    Mutant(
        "the whole price is kept where the provider billed less",
        LEDGER,
        'kind, pays = "capture", min(billed, job.price)',
        'kind, pays = "capture", job.price',
        (TEST_LEDGER,),
    ),
    Mutant(
        "a person pays what the provider billed, above the price they said yes to",
        LEDGER,
        'kind, pays = "capture", min(billed, job.price)',
        'kind, pays = "capture", billed',
        (TEST_LEDGER,),
    ),
    Mutant(
        "a bill that nobody knows is taken for none",
        LEDGER,
        'elif job.billed == "unknown":',
        'elif job.billed == "never":',
        (TEST_LEDGER,),
    ),
    Mutant(
        "what a grant has paid already counts as left on it",
        "storage/quota/facts.py",
        "(SELECT coalesce(sum(balance), 0) FROM allowance JOIN account",
        "(SELECT coalesce(sum(allowance.amount), 0) FROM allowance JOIN account",
        (TEST_LEDGER, TEST_POLICY),
    ),
    Mutant(
        "a grant pays after it has expired",
        "storage/quota/facts.py",
        "AND (expires_at IS NULL OR expires_at > :now)) AS granted",
        ") AS granted",
        (TEST_POLICY,),
    ),
    Mutant(
        "the server's budget does not refuse",
        ADMISSION,
        "if stand.budget_left is not None and price > stand.budget_left:",
        "if stand.budget_left is not None and price > stand.budget_left + price:",
        (TEST_POLICY,),
    ),
    Mutant(
        "of a batch only the first clip is held against the quota",
        ADMISSION,
        "clips, price = drafts[0], len(drafts), sum(each.price for each in drafts)",
        "clips, price = drafts[0], len(drafts), drafts[0].price",
        ("tests/storage/test_batches.py", "tests/fire/test_rows.py"),
    ),
    Mutant(
        "an order does not count against the pace",
        ADMISSION,
        "    if not paced:\n        _count(db, made[0], asked, at.now)",
        "    if paced:\n        _count(db, made[0], asked, at.now)",
        (TEST_POLICY,),
    ),
    Mutant(
        "a day begins an hour late",
        "storage/periods.py",
        "return datetime(day.year, day.month, day.day, tzinfo=zone).timestamp()",
        "return datetime(day.year, day.month, day.day, 1, tzinfo=zone).timestamp()",
        ("tests/storage/test_periods.py",),
    ),
    Mutant(
        "a reset forgives what is used later, too",
        LEDGER,
        "AND :reserve <= day_use.reset_at THEN :quota ELSE 0 END",
        "AND :reserve >= day_use.reset_at THEN :quota ELSE 0 END",
        (TEST_POLICY,),
    ),
    Mutant(
        "rules are asked before the download alone",
        ADMISSION,
        "if terms is not None and not terms.hold(db, asked.server):",
        "if terms is not None and not terms:",
        ("tests/orders/test_ordering.py::test_a_rule_that_changes_at_any_moment_holds",),
    ),
    Mutant(
        "a price is not said before it is spent",
        "bot/orders/orders.py",
        "            consent.judge(quote, above=above, usd_per_credit=credit,"
        " note=checked.settled.note)\n",
        "",
        ("tests/chat/test_asking.py", "tests/chat/test_refusals.py"),
    ),
    Mutant(
        "a file that is cut off is taken",
        "bot/orders/inputs.py",
        "        if not made.complete:\n",
        "        if not made:\n",
        ("tests/orders/test_inputs.py",),
    ),
    Mutant(
        "a clip is paid for by the length that its header claims",
        "bot/orders/inputs.py",
        "        made = await decode(part)\n        if not made.complete:\n",
        """\
        made = await decode(part)
        whole = part.read_bytes()
        if (at := whole.find(b"mvhd")) > 0:
            units = [int.from_bytes(whole[at + place : at + place + 4]) for place in (16, 20)]
            made = replace(made, seconds=units[1] / units[0])
        if not made.complete:
""",
        ("tests/orders/test_inputs.py",),
    ),
)

SUBMITS = (
    Mutant(
        "the order leaves before the intention is on the disk",
        STEPS,
        "            await asyncio.shield(saving)\n",
        "            await asyncio.sleep(0)\n",
        ("tests/jobs/test_sending.py",),
    ),
    Mutant(
        "a stop cuts off a POST that costs money",
        WORKER,
        "_, late = await asyncio.wait(set(self._tasks), timeout=within)",
        "late = set(self._tasks)",
        (f"{TEST_SENT_ONCE}::test_a_stop_finishes_a_submit_under_way_and_begins_no_other",),
    ),
    Mutant(
        "whatever was being sent at a crash is sent again",
        STEPS,
        "if not intended and not provider.idempotent:",
        "if not intended and not provider:",
        (TEST_SENT_ONCE,),
    ),
    Mutant(
        "an order that may have arrived goes back into the queue",
        STEPS,
        "                    return self._unclear(job, str(unclear))\n",
        "                    return self._queued_again(job, self._clock())\n",
        (f"{TEST_SENT_ONCE}::test_an_order_that_may_have_arrived_is_never_sent_twice",),
    ),
    Mutant(
        "an order that was answered with 500, 502 or 504 is sent again",
        "bot/providers/_vocabulary.py",
        "LATER = frozenset({429, 503})",
        "LATER = frozenset({429, 500, 502, 503, 504})",
        (TEST_EDGE, "tests/providers/test_trouble.py"),
    ),
    Mutant(
        "an order whose answer was lost counts as never sent",
        HTTP,
        "                if not sent:\n",
        "                if sent or not sent:\n",
        (f"{TEST_EDGE}::test_what_proves_nothing_is_unclear",),
    ),
    Mutant(
        "a late “not now” counts as a proof that nothing was ordered",
        "bot/providers/_vocabulary.py",
        "not (again and reply.took <= PROMPT)",
        "not again",
        (TEST_EDGE,),
    ),
    Mutant(
        "trouble with a poll is a new order",
        STEPS,
        """\
            wait = error.retry_after if isinstance(error, Busy) else None
            return self._clock() + max(wait or 0.0, provider.limits.poll_every)
        finally:
""",
        """\
            return self._taken(job, provider, await provider.submit(order))
        finally:
""",
        (f"{TEST_BROUGHT_HOME}::test_trouble_with_a_poll_is_never_a_new_order",),
    ),
    Mutant(
        "a clip is called canceled that its provider goes on making",
        STEPS,
        "            if wait is not None and not self._overdue(job, provider):\n"
        "                return self._clock() + wait\n",
        "",
        ("tests/jobs/test_canceling.py",),
    ),
    Mutant(
        "a clip that is being sent can be canceled",
        "bot/orders/orders.py",
        "            case State.QUEUED:\n                change = job.to(State.CANCELLED",
        "            case State.QUEUED | State.SUBMITTING:\n"
        "                change = job.to(State.CANCELLED",
        ("tests/orders/test_studio.py", "tests/fire/test_rows.py"),
    ),
    Mutant(
        "a restart forgets what renders",
        JOBS,
        "WHERE due_at IS NOT NULL AND due_at <= ? ORDER BY due_at",
        "WHERE due_at IS NOT NULL AND due_at <= ? AND state <> 'rendering' ORDER BY due_at",
        ("tests/fire/test_rows.py",),
    ),
    Mutant(
        "only the presenter schedules: a commit plans nothing",
        "storage/schedule.py",
        "            else:  # one that is not due any more has ended, and is looked at for that\n"
        "                self.plan(change.job_id,",
        "            elif change.job_id in self._due:\n                self.plan(change.job_id,",
        ("tests/storage/test_schedule.py",),
    ),
    Mutant(
        "what a provider named is dropped where it cannot be written down",
        WORKER,
        "            self._unsaved[id] = outcome\n",
        "",
        (f"{TEST_SENT_ONCE}::test_what_a_provider_named_is_not_lost_when_the_disk_is_full",),
    ),
    Mutant(
        "a job goes where no move leads",
        JOBS,
        "if job.state is not row.state and job.state not in MOVES[row.state]:",
        "if job.state is not row.state and not MOVES:",
        ("tests/storage/test_jobs.py",),
    ),
    Mutant(
        "an old copy of a job overwrites what came since",
        JOBS,
        "    if row is None or row.rev != job.rev:\n",
        "    if row is None:\n",
        ("tests/storage/test_jobs.py",),
    ),
    Mutant(
        "a deadline goes by the machine's clock",
        STEPS,
        "return self._awake(job.since) > provider.limits.max_runtime",
        "return self._clock() - job.since > provider.limits.max_runtime",
        ("tests/storage/test_clock_jumps.py",),
    ),
    Mutant(
        "the breaker never opens",
        "bot/providers/_pressure.py",
        "if self._streak >= STREAK:",
        "if self._streak >= 1000 * STREAK:",
        ("tests/providers/test_pressure.py",),
    ),
)

POSTS = (
    Mutant(
        "a result has no nonce, so a lost answer posts it twice",
        "bot/chat/post.py",
        "                        nonce=name,\n",
        "",
        ("tests/chat/test_posting_trouble.py",),
    ),
    Mutant(
        "after a restart nobody looks whether the clip stands there",
        STEPS,
        "            again = self._tried(job) or owed\n",
        "            again = owed\n",
        (f"{TEST_BROUGHT_HOME}::test_after_a_death_while_posting_the_next_process_looks_first",),
    ),
    Mutant(
        "a clip is noted as posted before it is",
        STEPS,
        "                message = await self._posts.deliver(job, clip, again=again)\n",
        "                saved = await self._jobs.save(\n"
        "                    job.to(State.DONE, now=now, due_at=None, result_id=1)\n"
        "                )\n"
        "                message = await self._posts.deliver(saved, clip, again=again)\n",
        (TEST_WORKER,),
    ),
    Mutant(
        "an event overtakes the one before it",
        "storage/outbox.py",
        "AND earlier.topic = mine.topic AND earlier.id < mine.id",
        "AND earlier.topic = mine.topic AND earlier.id < 0",
        ("tests/app/test_webhooks.py::test_events_of_one_clip_are_in_order_and_hold_up_no_other",),
    ),
    Mutant(
        "what we post may ping everybody",
        "bot/chat/post.py",
        "            everyone=False,\n            roles=False,\n",
        "            everyone=True,\n            roles=True,\n",
        ("tests/fire/test_texts.py",),
    ),
    Mutant(
        "what we answer may ping whomever a prompt names",
        "bot/chat/answering.py",
        "SILENT = discord.AllowedMentions.none()",
        "SILENT = discord.AllowedMentions.all()",
        ("tests/fire/test_texts.py",),
    ),
    Mutant(
        "what somebody typed is markup in our sentences",
        "bot/words/text.py",
        r"""    return _MARKDOWN.sub(r"\\\1", text).replace("@", "@\u200b")""",
        "    return text",
        ("tests/chat/test_text.py",),
    ),
    Mutant(
        "a prompt becomes a formula in a spreadsheet",
        "bot/words/csv_table.py",
        '            return f"\'{value}"',
        "            return value",
        ("tests/chat/test_text.py",),
    ),
)

DISK = (
    Mutant(
        "a commit that fails counts as kept",
        "storage/sqlite.py",
        '        db.execute("COMMIT")\n',
        """\
        try:
            db.execute("COMMIT")
        except Exception:
            pass
""",
        ("tests/fire/test_disk_errors.py",),
    ),
    Mutant(
        "a commit is answered before it is on the disk",
        "storage/opening.py",
        'db.execute("PRAGMA synchronous = FULL")',
        'db.execute("PRAGMA synchronous = NORMAL")',
        ("tests/fire/test_power.py",),
    ),
    Mutant(
        "a write that fails leaves half of itself",
        "storage/writer.py",
        '        db.execute("ROLLBACK TO attempt")\n',
        "",
        ("tests/storage/test_writer.py",),
    ),
    Mutant(
        "two of Dailies share a data directory",
        "storage/opening.py",
        "fcntl.LOCK_EX | fcntl.LOCK_NB",
        "fcntl.LOCK_SH | fcntl.LOCK_NB",
        ("tests/storage/test_open.py",),
    ),
    Mutant(
        "what is deleted stands on in the file",
        "storage/opening.py",
        'db.execute("PRAGMA secure_delete = ON")',
        'db.execute("PRAGMA secure_delete = OFF")',
        ("tests/storage/test_erasing.py",),
    ),
    Mutant(
        "a deletion leaves the clips on the disk",
        "storage/privacy.py",
        "files=tuple(gone), until=until)",
        "files=(), until=until)",
        ("tests/orders/test_own.py",),
    ),
    Mutant(
        "a deletion leaves the prompts",
        "storage/privacy.py",
        """\
            brief = '{"mode": "' || json_extract(brief, '$.mode') || '"}', token = NULL,
""",
        "            token = NULL,\n",
        ("tests/storage/test_erasing.py",),
    ),
)

REACH = (
    Mutant(
        "whatever a provider calls a job is put into paths",
        "bot/providers/_vocabulary.py",
        'if isinstance(value, str) and re.fullmatch(r"[A-Za-z0-9._-]{1,128}", value):',
        "if isinstance(value, str) and value:",
        ("tests/fire/test_replies.py",),
    ),
    Mutant(
        "a provider's words are shown as they came",
        "bot/providers/_vocabulary.py",
        """    words = " ".join("".join(c if c.isprintable() else " " for c in words).split())""",
        "    words = words.strip()",
        ("tests/fire/test_replies.py", TEST_EDGE),
    ),
    Mutant(
        "another server's clip can be had by its number",
        JOBS,
        '" AND (CAST(:guild AS BIGINT) IS NULL OR guild_id = :guild)",\n        id=id,',
        '" AND (CAST(:guild AS BIGINT) IS NULL OR :guild = :guild)",\n        id=id,',
        ("tests/storage/test_jobs.py",),
    ),
    Mutant(
        "a clip of a channel that one may not read can be seen",
        "bot/orders/access.py",
        "known[channel_id] = sees is True",
        "known[channel_id] = sees is not None",
        ("tests/orders/test_seeing.py",),
    ),
    Mutant(
        "whoever sees a clip may build on it",
        "bot/orders/access.py",
        "        if job.user_id == requester.user_id or requester.moderator:\n            return\n"
        "        match",
        "        if job.user_id or requester.moderator:\n            return\n        match",
        ("tests/orders/test_building.py",),
    ),
    Mutant(
        "a member decides for moderators",
        "bot/orders/access.py",
        "    if not requester.moderator:\n",
        "    if not requester.user_id:\n",
        ("tests/chat/test_permissions.py", "tests/chat/test_defaults.py"),
    ),
    Mutant(
        "any token finds a job",
        JOBS,
        'f" WHERE token = :token AND state IN {sql_list(TOKEN_KNOWN)}",',
        'f" WHERE token >= substr(:token, 1, 0) AND state IN {sql_list(TOKEN_KNOWN)}",',
        ("tests/storage/test_jobs.py", "tests/jobs/test_callbacks.py"),
    ),
    Mutant(
        "a callback is believed without asking the provider",
        CALLBACKS,
        "if self._steps.named.get(token) != named and not await self._known(job, provider, named):",
        "if self._steps.named.get(token) != named and not named:",
        (
            "tests/jobs/test_callbacks.py::test_a_lost_order_is_never_given_a_task_that_its_provider_does_not_know",
        ),
    ),
    Mutant(
        "a callback may name another job's clip",
        CALLBACKS,
        "        if known is not None and known.id != job.id:\n",
        "        if known is not None and known.id == -1:\n",
        ("tests/jobs/test_callbacks.py",),
    ),
    Mutant(
        "an address behind a redirect is trusted",
        FETCH,
        "            target = self._parse(location, base=target)\n",
        "            target = self._parse(location, base=target)\n"
        "            self._loopback |= {_netloc(target)}\n",
        ("tests/fire/test_addresses.py",),
    ),
    Mutant(
        "one public address among a host's is enough",
        FETCH,
        "if not found or not all(_local(each)",
        "if not found or not any(_local(each)",
        ("tests/fire/test_addresses.py", TEST_FETCH),
    ),
    Mutant(
        "a name is looked up again when it is connected to",
        FETCH,
        "url.copy_with(host=address, fragment=None)",
        "url.copy_with(fragment=None)",
        ("tests/fire/test_addresses.py", TEST_FETCH),
    ),
    Mutant(
        "an IPv4 address inside of an IPv6 one is not looked at",
        FETCH,
        '        "2002::/16",  # 6to4: an IPv4 address inside\n',
        "",
        ("tests/fire/test_addresses.py", TEST_FETCH),
    ),
    Mutant(
        "a download has no largest size",
        FETCH,
        "            if size > max_bytes:\n                raise _too_large(max_bytes)\n"
        "            if not checked",
        "            if not checked",
        (f"{TEST_DOWNLOADS}::test_an_endless_body_stops_at_its_cap",),
    ),
    Mutant(
        "a packed body is unpacked",
        FETCH,
        'if response.headers.get("content-encoding", "identity").lower() != "identity":',
        'if response.headers.get("content-encoding", "identity").lower() == "none":',
        (TEST_DOWNLOADS,),
    ),
    Mutant(
        "a link never dies",
        "bot/files/bucket.py",
        "life = timedelta(seconds=min(seconds, LONGEST_LINK))",
        "life = timedelta(seconds=LONGEST_LINK)",
        ("tests/files/test_bucket.py::test_a_link_opens_one_object_and_dies",),
    ),
    Mutant(
        "the query of a signed link stands in the log",
        "bot/log_redaction.py",
        r"""    (re.compile(r"(\b[a-zA-Z][a-zA-Z0-9+.-]*://[^\s?\"'<>]+)\?[^\s\"'<>)\]}]+"), """
        r"""rf"\1?{HIDDEN}"),""",
        "",
        ("tests/app/test_redaction.py",),
    ),
    Mutant(
        "the HTTP library logs each URL and header",
        HTTP,
        "    logging.getLogger(_name).setLevel(logging.WARNING)",
        "    logging.getLogger(_name).setLevel(logging.DEBUG)",
        ("tests/fire/test_secrets.py", TEST_EDGE),
    ),
    Mutant(
        "a provider's answer may hold our key",
        HTTP,
        '            raw = raw.replace(secret, "…")',
        "            pass",
        (f"{TEST_EDGE}::test_the_key_is_in_nothing_that_may_be_shown",),
    ),
    Mutant(
        "a proxy of the environment is used",
        HTTP,
        "                auto_decompress=False,\n                trust_env=False,\n",
        "                auto_decompress=False,\n                trust_env=True,\n",
        (TEST_EDGE,),
    ),
    Mutant(
        "of two fields of one name in JSON the last one counts",
        HTTP,
        "    if len(found) != len(pairs):\n        raise _Odd\n",
        "",
        (TEST_EDGE,),
    ),
)

TOXICS = (
    Mutant(
        "an order that had left when its line broke counts as not sent",
        HTTP,
        "                if not sent:\n",
        "                if not sent or reply is None:\n",
        ("tests/fire/test_toxics.py::test_a_request_on_a_bad_way_ends_as_the_table_says",),
    ),
)

IDS = ("tests/fire/test_ids.py::test_no_custom_id_does_anything_to_others",)

PRESSED = (
    Mutant(
        "what a button says is taken for a number unseen",
        "cogs/_pressing.py",
        "    if _NUMBER.fullmatch(said) is None or int(said) > LARGEST:\n",
        "    if int(said) < 0:\n",
        IDS,
    ),
    Mutant(
        "whoever sees a clip may cancel it",
        "bot/orders/orders.py",
        "        if job.user_id != requester.user_id and not requester.moderator:\n"
        '            raise Refusal(f"Only',
        "        if job.user_id == 0 and not requester.moderator:\n"
        '            raise Refusal(f"Only',
        IDS,
    ),
)

TEST_LOST = "tests/fire/test_lost_files.py"

LOST = (
    Mutant(
        "what is written into a deleted database is said to be saved",
        "storage/writer.py",
        "                if not self._in_place():\n",
        "                if self._in_place() is None:\n",
        (TEST_LOST,),
    ),
    Mutant(
        "a database that took the place of ours is taken for it",
        "storage/opening.py",
        "return self._known.setdefault(path, here) == here",
        "return bool(self._known.setdefault(path, here))",
        (TEST_LOST,),
    ),
    Mutant(
        "a read that the disk ended is told as a bug",
        "storage/sqlite.py",
        "            if db.in_transaction:  # else the disk ended it, which is what is told\n",
        "            if db is not None:\n",
        (TEST_LOST,),
    ),
)

SERVER_SCHEMA = "storage/postgresql/migrations/0028_schema.sql"
RACES = "tests/storage/test_server_races.py"
REPLICA = "tests/storage/test_replica.py"

#: On a database server. They need PostgreSQL here: without it their tests are skipped.
SERVER = (
    Mutant(
        "two processes write to a database server at once",
        SERVER_SCHEMA,
        "    PERFORM pg_advisory_xact_lock(7311265829);",
        "    PERFORM 1;",
        (f"{RACES}::test_of_the_orders_of_four_processes_exactly_one_is_taken",),
    ),
    Mutant(
        "a process that was replaced goes on writing",
        SERVER_SCHEMA,
        "        WHERE lease.part IS NULL",
        "        WHERE false",
        (f"{RACES}::test_no_write_of_a_frozen_process_is_kept_once_another_has_taken_over",),
    ),
    Mutant(
        "a commit whose answer was lost counts as lost",
        "storage/postgresql/engine.py",
        'return bool(status == "committed")',
        "return False",
        ("tests/storage/test_postgresql.py",),
    ),
    Mutant(
        "a commit that died with the primary is taken for another one of its number",
        "storage/postgresql/engine.py",
        "        if db.identity != self._server:",
        "        if False:",
        (f"{REPLICA}::test_a_commit_that_was_lost_with_the_primary_is_never_taken_for_kept",),
    ),
    Mutant(
        "a server that took over within a commit is never noted",
        "storage/postgresql/engine.py",
        "            self._kept.committed(self._server)",
        "            self._kept.committed(db.identity)",
        (
            f"{REPLICA}::test_a_commit_that_the_replica_has_is_kept_though_the_primary_never_answered",
        ),
    ),
    Mutant(
        "a replica that lacks what was answered is gone on with",
        "storage/postgresql/kept.py",
        "        elif self._number != (number or 0):",
        "        elif False:",
        ("tests/storage/test_postgresql.py",),
    ),
    Mutant(
        "an old primary that comes back is written to",
        "storage/postgresql/identity.py",
        "            if known is not None and found.replaced_by(known):",
        "            if False:",
        (f"{REPLICA}::test_an_old_primary_that_comes_back_is_not_written_to",),
    ),
    Mutant(
        "a dead process's shards are taken though what it said may be lost",
        "storage/postgresql/shard_leases.py",
        "        if as_noted(db):",
        "        if db is not None:",
        ("tests/storage/test_shards.py",),
    ),
    Mutant(
        "what another process of the server answers is believed",
        "storage/postgresql/engine.py",
        "            if backend != db.backend:",
        "            if False:",
        ("tests/storage/test_pooler.py",),
    ),
    Mutant(
        "a move does not compare what arrived",
        "storage/postgresql/moving.py",
        'total += int.from_bytes(hashlib.sha256(text.encode()).digest(), "big")',
        "total += len(text) * 0",
        ("tests/storage/test_moving.py",),
    ),
)

SIMULATION = ("tests/fire/test_simulation.py::test_no_history_breaks_a_promise",)

CUT_OFF = (
    Mutant(
        "who is cut off from the server sends what it had meant to",
        STEPS,
        "        if not self._store.sure:  # another process may have parked it by now\n",
        "        if not self._store:\n",
        (f"{TEST_NOT_SURE}::test_it_looks_once_more_right_before_it_orders",),
    ),
    Mutant(
        "who is cut off from the server lets an announced order leave",
        STEPS,
        "            if not self._store.sure:\n",
        "            if not self._store:\n",
        (f"{TEST_NOT_SURE}::test_it_looks_once_more_right_before_it_orders",),
    ),
    Mutant(
        "who is cut off from the server begins steps",
        WORKER,
        "        return self._schedule.take(self._clock()) if self._store.sure else None\n",
        "        return self._schedule.take(self._clock())\n",
        (f"{TEST_NOT_SURE}::test_nothing_is_begun",),
    ),
    Mutant(
        "who is cut off from the server stays in Discord",
        "bot/app/deployment.py",
        "                while self.store.sure:\n",
        "                while self.store:\n",
        ("tests/e2e/test_cut_off.py::test_cut_off_until_another_took_over_it_never_comes_back",),
    ),
    Mutant(
        "suggestions fail while the database server is away",
        "bot/chat/suggesting.py",
        "        except DiskTrouble as trouble:\n",
        "        except ZeroDivisionError as trouble:\n",
        ("tests/chat/test_suggesting.py",),
    ),
    Mutant(
        "whoever was told to wait in a crowd is told nothing at a stop",
        "bot/app/deployment.py",
        "        self.bot.presenter.stop()\n",
        "",
        (
            "tests/app/test_stopping.py::test_whoever_was_told_thinking_in_a_crowd_is_told_at_a_stop",
        ),
    ),
)

#: Of what else is caught elsewhere, what the simulation has to find by itself.
SIMULATED = (
    Mutant(
        "whoever starts sends each intention that it finds",
        STEPS,
        "if not intended and not provider.idempotent:",
        "if not intended and not provider.name:",
        SIMULATION,
    ),
    Mutant(
        "an order whose reply was lost is sent again a second later",
        STEPS,
        "                    return self._unclear(job, str(unclear))\n",
        "                    return self._queued_again(job, self._clock() + 1)\n",
        SIMULATION,
    ),
    Mutant(
        "nobody looks whether the sheet of a batch was posted",
        "bot/jobs/batches.py",
        "        again = sheet.tried or sheet.batch <= self._restored\n",
        "        again = sheet.batch <= self._restored\n",
        SIMULATION,
    ),
    Mutant(
        "nobody looks whether a clip or a notice was posted",
        STEPS,
        "        tried = job.id not in self._unposted or job.id <= self._restored\n",
        "        tried = job.id <= self._restored\n",
        SIMULATION,
    ),
    Mutant(
        "an order leaves while its intention is being written down",
        STEPS,
        "            await asyncio.shield(saving)\n",
        "            await asyncio.sleep(0.0)\n",
        SIMULATION,
    ),
)

SHARED_WORKER = ("tests/jobs/test_shared_worker.py",)
SHARED_SLOTS = ("tests/jobs/test_shared_slots.py",)
STORED_SHARDS = ("tests/storage/test_shards.py",)

SHARDS = (
    Mutant(
        "a process steps the jobs of servers that another one works for",
        WORKER,
        "            return None  # another process steps it\n",
        "            pass\n",
        SHARED_WORKER,
    ),
    Mutant(
        "a shard is given up while an order of it is on its way",
        WORKER,
        "        while under_way := self._under_way(shards):\n",
        "        while under_way := set():\n",
        SHARED_WORKER,
    ),
    Mutant(
        "a shard is given up while what became of an order is not written down",
        WORKER,
        "        if await self._store.of_shards(self._unsaved, shards):\n",
        "        if False:\n",
        SHARED_WORKER,
    ),
    Mutant(
        "whoever gets a shard back believes that nobody posted its clips meanwhile",
        STEPS,
        "        self._unposted.difference_update(job_ids)\n",
        "",
        SHARED_WORKER,
    ),
    Mutant(
        "two processes give one slot of a provider to two orders",
        "storage/postgresql/provider_slots.py",
        "        if limit - busy <= ahead:\n",
        "        if limit - busy < ahead:\n",
        SHARED_SLOTS,
    ),
    Mutant(
        "a slot is counted once its order was sent, and not while it is being sent",
        "storage/postgresql/provider_slots.py",
        "            UNION ALL SELECT slot.provider FROM slot JOIN job ON job.id = slot.job_id\n",
        "            UNION ALL SELECT slot.provider FROM slot JOIN job ON job.id = -slot.job_id\n",
        SHARED_SLOTS,
    ),
    Mutant(
        "a slot that was given back and taken again is given away",
        "bot/jobs/shared_slots.py",
        "        self._unused.get(provider.name, set()).discard(job.id)\n",
        "",
        SHARED_SLOTS,
    ),
    Mutant(
        "the place on a card is that among the servers of one process",
        "bot/jobs/shared_slots.py",
        "            position=queue.position(job) + bisect_left(others, queue.key(job)),\n",
        "            position=queue.position(job),\n",
        SHARED_SLOTS,
    ),
    Mutant(
        "a job that was refused a slot stays in the others' line for good",
        "bot/jobs/shared_slots.py",
        "            told[job.id] = key  # it stands there, with the others\n",
        "            pass\n",
        SHARED_SLOTS,
    ),
    Mutant(
        "a job that has a slot stands in the others' line as well",
        "storage/postgresql/provider_slots.py",
        '    db.execute("DELETE FROM turn WHERE job_id = ?", (job_id,))\n',
        '    if not mine:\n        db.execute("DELETE FROM turn WHERE job_id = ?", (job_id,))\n',
        SHARED_SLOTS,
    ),
    Mutant(
        "each of those that take a dead one's shards tells the operator of it",
        "storage/postgresql/shard_leases.py",
        "    for each in taken_over:  # whoever takes the rest finds nothing that ran out\n",
        "    for each in ():\n",
        STORED_SHARDS,
    ),
    Mutant(
        "a process that was stopped counts as one that died",
        "storage/postgresql/shard_leases.py",
        "        \" AND until > '-infinity' AND until < clock_timestamp() ORDER BY part\",\n",
        '        " AND until < clock_timestamp() ORDER BY part",\n',
        STORED_SHARDS,
    ),
    Mutant(
        "a process with another number of shards works beside the others",
        "storage/postgresql/shard_leases.py",
        "    if known != count and others(db, me):\n",
        "    if False:\n",
        STORED_SHARDS,
    ),
    Mutant(
        "a shard that is being given up counts as free to be stepped",
        "storage/postgresql/shard_leases.py",
        "        return frozenset(part for part in self._epochs if part >= 0) - self._leaving\n",
        "        return frozenset(part for part in self._epochs if part >= 0)\n",
        STORED_SHARDS,
    ),
    Mutant(
        "a row that another process changed is not read again",
        "storage/postgresql/shards.py",
        "        self._schedule.committed(changes)\n",
        "",
        STORED_SHARDS,
    ),
    Mutant(
        "others may begin before the steps of a shard have ended",
        "bot/app/handover.py",
        "            if await self._worker.give_up(found.surplus):\n",
        "            await self._worker.give_up(found.surplus)\n            if True:\n",
        ("tests/app/test_handover.py",),
    ),
    Mutant(
        "a session that was lost is begun beside the one place that begins them",
        "bot/chat/sharded.py",
        "                    self._broken[event.shard.id] = event\n",
        "                    asyncio.ensure_future(event.shard.reconnect())\n",
        ("tests/chat/test_sharded.py::test_what_discord_py_would_begin_too_is_begun_once",),
    ),
)

#: What a board says: it is written once as a take begins, and once as it ends.
BOARDS = (
    Mutant(
        "a take counts as made before it stands in its thread",
        "storage/takes.py",
        "count(*) FILTER (WHERE state IN {sql_list(LIVE)}) AS running",
        "count(*) FILTER (WHERE state IN {sql_list(LIVE)} AND state <> 'delivering') AS running",
        ("tests/storage/test_takes.py",),
    ),
    Mutant(
        "the figures of a board are read after its lines",
        "bot/orders/threads.py",
        "        return await self._takes.overview(thread_id, guild_id=guild_id, limit=limit)\n",
        "        from dataclasses import replace\n\n"
        "        found = await self._takes.overview(thread_id, guild_id=guild_id, limit=limit)\n"
        "        return replace(found, tally=await self._takes.tally(thread_id))\n",
        ("tests/storage/test_takes.py",),
    ),
)

MUTANTS = (
    *(*MONEY, *SUBMITS, *POSTS, *DISK, *REACH, *TOXICS, *PRESSED, *LOST, *SERVER, *CUT_OFF),
    *SIMULATED,
    *(*SHARDS, *BOARDS),
)
