"""The `s3://` store: any S3 (AWS, MinIO, Ceph) through boto3; the only file that imports it.

Conditional writes are plain puts with If-None-Match / If-Match, never multipart (older Ceph ignores
conditions there). Older Ceph also compares If-Match as text, so the etag goes unquoted first.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlparse

import boto3
from boto3.exceptions import Boto3Error
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ResponseStreamingError

from cluster.errors import ConflictError, NotFoundError, UnavailableError
from cluster.settings import StoreSettings

if TYPE_CHECKING:
    from pyarrow.fs import FileSystem

_MISSING = {"404", "NoSuchKey", "NotFound"}
_CHANGED = {"409", "412", "PreconditionFailed", "ConditionalRequestConflict"}


class S3Store:
    """Objects below `prefix` in `bucket`. Thread-safe; pickles by its settings."""

    def __init__(self, bucket: str, prefix: str, settings: StoreSettings) -> None:
        self.bucket = bucket
        self.prefix = prefix
        self.url = f"s3://{bucket}/{prefix}".rstrip("/")
        self._settings = settings
        self._client = _client(settings)

    def __reduce__(self) -> tuple[Any, ...]:
        return S3Store, (self.bucket, self.prefix, self._settings)

    def put(self, key: str, data: bytes) -> str:
        return self._put(key, data)

    def get(self, key: str) -> bytes:
        return self.get_with_etag(key)[0]

    def get_with_etag(self, key: str) -> tuple[bytes, str]:
        with self._explained(key):
            for _ in range(self._settings.attempts - 1):
                try:
                    return self._read(key)
                except ResponseStreamingError:  # boto3 tries a request again, but not the body
                    continue
            return self._read(key)

    def exists(self, key: str) -> bool:
        try:
            with self._explained(key):
                self._client.head_object(Bucket=self.bucket, Key=self._key(key))
        except NotFoundError:
            return False
        return True

    def list(self, prefix: str) -> Iterator[str]:
        below = self._key(prefix) + "/" if prefix else self._key("")
        pages = self._client.get_paginator("list_objects_v2")
        with self._explained(prefix):
            for page in pages.paginate(Bucket=self.bucket, Prefix=below):
                for item in page.get("Contents", ()):
                    yield item["Key"][len(self.prefix) :].lstrip("/")

    def entries(self, start: str) -> Iterator[tuple[str, int, str]]:
        """Key, bytes and etag of every object whose key begins with `start`, sorted by key."""
        whole = f"{self.prefix}/{start}" if self.prefix else start
        pages = self._client.get_paginator("list_objects_v2")
        with self._explained(start):
            for page in pages.paginate(Bucket=self.bucket, Prefix=whole):
                for item in page.get("Contents", ()):
                    key = item["Key"][len(whole) - len(start) :]
                    yield key, int(item["Size"]), item["ETag"].strip('"')

    def delete(self, key: str) -> None:
        with self._explained(key):
            self._client.delete_object(Bucket=self.bucket, Key=self._key(key))

    def create(self, key: str, data: bytes) -> str:
        return self._put(key, data, IfNoneMatch="*")

    def swap(self, key: str, data: bytes, etag: str) -> str:
        try:
            return self._put(key, data, IfMatch=etag)
        except NotFoundError:
            raise ConflictError(f"object {key!r} in {self.url} was removed meanwhile") from None

    def upload(self, key: str, path: Path) -> None:
        with self._explained(key):
            self._client.upload_file(str(path), self.bucket, self._key(key))

    def download(self, key: str, path: Path) -> None:
        with self._explained(key):
            self._client.download_file(self.bucket, self._key(key), str(path))

    def arrow(self) -> "tuple[FileSystem, str]":
        from pyarrow.fs import AwsStandardS3RetryStrategy, S3FileSystem

        options: dict[str, Any] = {
            "region": self._settings.region,
            "request_timeout": self._settings.timeout_s,
            "connect_timeout": self._settings.timeout_s,
            "retry_strategy": AwsStandardS3RetryStrategy(max_attempts=self._settings.attempts),
        }
        if self._settings.access_key and self._settings.secret_key:
            options["access_key"] = self._settings.access_key
            options["secret_key"] = self._settings.secret_key.get_secret_value()
        if self._settings.endpoint:
            endpoint = urlparse(self._settings.endpoint)
            options |= {"endpoint_override": endpoint.netloc, "scheme": endpoint.scheme}
        return S3FileSystem(**options), f"{self.bucket}/{self.prefix}".rstrip("/")

    def _key(self, key: str) -> str:
        return (
            f"{self.prefix}/{key}".strip("/") if key else (f"{self.prefix}/" if self.prefix else "")
        )

    def _read(self, key: str) -> tuple[bytes, str]:
        found = self._client.get_object(Bucket=self.bucket, Key=self._key(key))
        return found["Body"].read(), found["ETag"].strip('"')

    def _put(self, key: str, data: bytes, **condition: str) -> str:
        try:
            with self._explained(key):
                done = self._client.put_object(
                    Bucket=self.bucket, Key=self._key(key), Body=data, **condition
                )
        except ConflictError as error:
            etag = self._written_unheard(key, data, error.__cause__)
            if etag is None:
                raise
            return etag
        return str(done["ETag"]).strip('"')

    def _written_unheard(self, key: str, data: bytes, cause: BaseException | None) -> str | None:
        """The etag of our own write, when its answer was lost and boto3's second try met it."""
        response = cause.response if isinstance(cause, ClientError) else {}
        if not response.get("ResponseMetadata", {}).get("RetryAttempts"):
            return None
        found, etag = self.get_with_etag(key)
        return etag if found == data else None

    @contextmanager
    def _explained(self, key: str) -> Iterator[None]:
        """Errors of S3 as ours: what is missing, what changed, or what does not answer."""
        try:
            yield
        except ClientError as error:
            code = str(error.response["Error"].get("Code", ""))
            if code in _MISSING:
                raise NotFoundError(f"object {key!r} does not exist in {self.url}") from error
            if code in _CHANGED:
                message = f"object {key!r} in {self.url} exists already or was changed meanwhile"
                raise ConflictError(message) from error
            raise UnavailableError(self._failed(key, error)) from error
        except (BotoCoreError, Boto3Error) as error:  # the latter from transfers of files
            raise UnavailableError(self._failed(key, error)) from error

    def _failed(self, key: str, error: Exception) -> str:
        where = self._settings.endpoint or f"AWS {self._settings.region}"
        return (
            f"object store {self.url} at {where} failed on {key!r}: {error}; check store.endpoint, "
            "the credentials, and that the bucket exists"
        )


def _client(settings: StoreSettings) -> Any:
    secret = settings.secret_key.get_secret_value() if settings.secret_key else None
    config = Config(
        connect_timeout=settings.timeout_s,
        read_timeout=settings.timeout_s,
        retries={"mode": "standard", "total_max_attempts": settings.attempts},
        request_checksum_calculation="when_required",
    )
    return boto3.client(
        "s3",
        endpoint_url=settings.endpoint,
        region_name=settings.region,
        aws_access_key_id=settings.access_key,
        aws_secret_access_key=secret,
        config=config,
    )
