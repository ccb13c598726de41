"""An exact version -> its verified files on this machine, held until they are released.

Downloads of different versions run side by side. What was refused is refused again from memory for a
while, so that a client asking for what cannot be served costs no download each time.
"""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from cluster.adapters import AdapterRegistry
from cluster.errors import OpenbookError, UnavailableError
from cluster.records import AdapterRef
from serve.adapters.disk import Disk, Hold
from serve.adapters.fit import Fit
from serve.adapters.names import exact

DOWNLOADS = 8  # at once
MAX_REFUSALS = 1024  # names come from clients


@dataclass(frozen=True, slots=True)
class _Refusal:
    until: float
    error: OpenbookError


class AdapterFiles:
    """`retry_s` after a refusal it is looked at again."""

    def __init__(
        self,
        registry: AdapterRegistry,
        disk: Disk,
        fit: Fit,
        retry_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._registry = registry
        self._disk = disk
        self._fit = fit
        self._retry_s = retry_s
        self._clock = clock
        self._refused: dict[str, _Refusal] = {}  # oldest first
        self._threads = ThreadPoolExecutor(DOWNLOADS, thread_name_prefix="adapters")

    async def take(self, adapter: str) -> Hold:
        """The files of `name@version`, checked.

        NotFoundError when it does not exist, ConflictError when it does not fit this server or a file's
        sha256 differs, UnavailableError when the store does not answer.
        """
        refusal = self._refused.get(adapter)
        if refusal is not None and refusal.until > self._clock():
            raise refusal.error.with_traceback(None)
        ref = exact(adapter)
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._threads, self._download, ref)
        except UnavailableError:
            raise  # may be over the next moment
        except OpenbookError as error:
            self.refuse(adapter, error)
            raise

    def refuse(self, adapter: str, error: OpenbookError) -> None:
        """Remember why an adapter cannot be served."""
        self._refused.pop(adapter, None)
        self._refused[adapter] = _Refusal(self._clock() + self._retry_s, error)
        while len(self._refused) > MAX_REFUSALS:
            del self._refused[next(iter(self._refused))]

    def _download(self, ref: AdapterRef) -> Hold:
        manifest = self._registry.manifest(ref)
        self._fit.check_manifest(manifest)
        hold = self._disk.hold(ref)
        try:
            self._registry.fetch(ref, self._disk.root)
            self._fit.check_files(manifest, hold.folder)
        except OSError as error:
            hold.release()
            raise UnavailableError(
                f"adapter '{ref}' could not be written below {self._disk.root}: {error}; free space "
                "there or lower serve.engine.adapter_disk_mib"
            ) from error
        except BaseException:
            hold.release()
            raise
        self._disk.sweep()
        return hold
