"""Where trials run: here, in forked processes that share the data, or on a Dask cluster."""

import os
from collections.abc import Mapping
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from importlib import import_module
from multiprocessing import get_context
from types import TracebackType
from typing import Any, Protocol, Self

from penstock_kernel.version import code_hash

from penstock_research.trials.run import History, Window, trial
from penstock_research.trials.space import Value

CONNECT_S = 10
Shared = tuple[Mapping[str, Any], History, Window]
"""What all trials have in common: the document, the data, the window."""


class ClusterError(Exception):
    """A cluster cannot be used: not there, without workers, or with other code."""


class Pool(Protocol):
    """Runs trials, several at once."""

    workers: int

    def submit(self, parameters: dict[str, Value]) -> Future[dict[str, Any]]:
        """Run a trial; its row is the result."""
        ...


class ForkedPool:
    """Worker processes that share the parent's data: forked, so that nothing is copied."""

    def __init__(self, workers: int, shared: Shared) -> None:
        self.workers = workers or os.cpu_count() or 1
        self._shared = shared
        self._executor: Executor | None = None

    def __enter__(self) -> Self:
        global _SHARED  # noqa: PLW0603  (what forked workers find)
        _SHARED = self._shared
        if self.workers > 1:
            self._executor = ProcessPoolExecutor(self.workers, mp_context=get_context("fork"))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._executor is not None:
            self._executor.shutdown(cancel_futures=True)

    def submit(self, parameters: dict[str, Value]) -> Future[dict[str, Any]]:
        """See `Pool`."""
        if self._executor is not None:
            return self._executor.submit(_forked, parameters)
        future: Future[dict[str, Any]] = Future()
        future.set_result(trial(*self._shared, parameters))
        return future


class DaskPool:
    """The workers of an existing Dask cluster, `tcp://host:port`. The data are sent to each of them once."""

    def __init__(self, address: str, workers: int, shared: Shared) -> None:
        """At most so many trials at once; 0: as many as the cluster has threads.

        ClusterError when it cannot be reached, has no workers, or runs other code than this process:
        results of a mixture would be worth nothing.
        """
        try:
            distributed: Any = import_module("distributed")
        except ImportError:
            raise ClusterError("Dask is not installed: pip install 'penstock[cluster]'") from None
        try:
            self._client = distributed.Client(address, timeout=CONNECT_S)
        except (OSError, ValueError, TimeoutError) as error:
            raise ClusterError(f"{address}: {error}") from error
        try:
            threads = self._check(address)
            self.workers = workers or threads
            self._shared = self._client.scatter([shared], broadcast=True, hash=False)[0]
            self._executor: Executor = self._client.get_executor(pure=False)
        except BaseException:
            self._client.close()
            raise

    def _check(self, address: str) -> int:
        threads = self._client.nthreads()
        if not threads:
            raise ClusterError(f"{address}: the cluster has no workers")
        try:
            known = self._client.run(code_hash)
        except Exception as error:  # whatever the first worker raises: most often ModuleNotFoundError
            raise ClusterError(f"{address}: a worker cannot run Penstock: {error}") from error
        other = [worker for worker, its in sorted(known.items()) if its != self._code()]
        if other:
            raise ClusterError(f"{address}: {', '.join(other)} run another version of Penstock than this one")
        return sum(threads.values())

    @staticmethod
    def _code() -> str:
        return code_hash()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._executor.shutdown(wait=False)
        self._client.close()

    def submit(self, parameters: dict[str, Value]) -> Future[dict[str, Any]]:
        """See `Pool`."""
        return self._executor.submit(_sent, self._shared, parameters)


_SHARED: Shared | None = None


def _forked(parameters: dict[str, Value]) -> dict[str, Any]:
    assert _SHARED is not None
    return trial(*_SHARED, parameters)


def _sent(shared: Shared, parameters: dict[str, Value]) -> dict[str, Any]:
    return trial(*shared, parameters)
