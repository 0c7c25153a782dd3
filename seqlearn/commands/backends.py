"""``python -m seqlearn backends``: what the registry finds, and the contract held up to one."""

import time

from seqlearn.errors import BackendError


def backends() -> int:
    """Print one line a backend; exit status 1 if one is broken."""
    from seqlearn.registry import available_backends, resolve_backend

    names = available_backends()
    width = max(map(len, [*names, "backend"]))
    owners = max(map(len, [*names.values(), "distribution"]))
    print(f"{'backend':{width}}  {'distribution':{owners}}  what it is")
    n_broken = 0
    for name, distribution in names.items():
        try:
            kind = type(resolve_backend(name))
            what = (kind.__doc__ or kind.__name__).strip().splitlines()[0]
        except BackendError as error:
            what = f"BROKEN: {error}"
            n_broken += 1
        print(f"{name:{width}}  {distribution:{owners}}  {what}")
    return 1 if n_broken else 0


def check(name: str) -> int:
    """Print a table of the contract's rules, held up to one backend; exit status 1 if one fails."""
    from seqlearn.registry import resolve_backend
    from seqlearn.testing import backend_checks

    checks, backend = backend_checks(name), resolve_backend(name)
    width = max(len(check.name) for check in checks)
    print(f"{checks[0].subject}: {backend!r}")
    print(f"declares causal={backend.causal}, stateful={backend.stateful}, {len(checks)} rules\n")
    print(f"{'rule':{width}}  result  seconds  what has to hold")
    failures = []
    for one in checks:
        start = time.perf_counter()
        try:
            one()
            result = "ok"
        except AssertionError as failure:
            result = "FAILED"
            failures.append(str(failure))
        seconds = time.perf_counter() - start
        print(f"{one.name:{width}}  {result:6}  {seconds:7.2f}  {one.rule}", flush=True)
    print(
        "\n"
        + "\n\n".join([f"{len(checks) - len(failures)} hold, {len(failures)} do not.", *failures])
    )
    return 1 if failures else 0
