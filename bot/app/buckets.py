"""The buckets of the settings: of originals, and of backups. Their library is loaded only then."""

from typing import TYPE_CHECKING

from bot.settings import Settings

if TYPE_CHECKING:
    from bot.files.bucket import Bucket


def bucket_of(settings: Settings) -> "Bucket | None":
    """The bucket of the originals, if there is one."""
    if settings.dailies_s3_bucket is None:
        return None
    return bucket_at(settings, settings.dailies_s3_bucket, settings.dailies_s3_prefix)


def bucket_at(settings: Settings, name: str, prefix: str) -> "Bucket":
    """The bucket of that *name*, under *prefix*, with the service and keys of the settings."""
    from bot.files.bucket import Bucket

    access, secret = settings.dailies_s3_access_key, settings.dailies_s3_secret_key
    return Bucket(
        name,
        endpoint=settings.dailies_s3_endpoint,
        region=settings.dailies_s3_region,
        access_key=access.get_secret_value() if access is not None else None,
        secret_key=secret.get_secret_value() if secret is not None else None,
        prefix=prefix,
    )
