"""Favourites and approvals: how people mark takes."""

from .database import Database


def favourite(db: Database, job_id: int, user_id: int, *, at: float | None) -> int:
    """Mark a take as a person's favourite at a time, with None no longer; returns how many did."""
    return _mark(db, "favourite", job_id, user_id, at)


def sign_off(db: Database, job_id: int, user_id: int, *, at: float | None) -> int:
    """Approve a take at a time, with None no longer; returns how many reviewers do."""
    return _mark(db, "sign_off", job_id, user_id, at)


def _mark(db: Database, table: str, job_id: int, user_id: int, at: float | None) -> int:
    """Set or remove a mark; *table* is "favourite" or "sign_off"."""
    if at is None:
        db.execute(
            f"DELETE FROM {table} WHERE job_id = ? AND user_id = ?",  # noqa: S608
            (job_id, user_id),
        )
    else:
        db.execute(
            f"INSERT INTO {table} (job_id, user_id, at) VALUES (?, ?, ?)"  # noqa: S608
            " ON CONFLICT DO NOTHING",
            (job_id, user_id, at),
        )
    [count] = db.execute(
        f"SELECT count(*) FROM {table} WHERE job_id = ?",  # noqa: S608
        (job_id,),
    ).fetchone()
    return int(count)


def is_favourite(db: Database, job_id: int, user_id: int) -> bool:
    """Whether a take is a person's favourite."""
    row = db.execute(
        "SELECT 1 FROM favourite WHERE job_id = ? AND user_id = ?", (job_id, user_id)
    ).fetchone()
    return row is not None


def favoured(db: Database, job_id: int) -> bool:
    """Whether a take is somebody's favourite, or approved."""
    [found] = db.execute(
        "SELECT EXISTS (SELECT 1 FROM favourite WHERE job_id = :job)"
        " OR EXISTS (SELECT 1 FROM sign_off WHERE job_id = :job)",
        {"job": job_id},
    ).fetchone()
    return bool(found)
