"""``python -m seqlearn backends``: what the registry finds."""

from seqlearn.errors import BackendError


def backends() -> int:
    """Print one line a backend; exit status 1 if one is broken."""
    from seqlearn.registry import available_backends, load_backend

    names = available_backends()
    width = max(map(len, [*names, "backend"]))
    owners = max(map(len, [*names.values(), "distribution"]))
    print(f"{'backend':{width}}  {'distribution':{owners}}  what it is")
    n_broken = 0
    for name, distribution in names.items():
        try:
            loaded = load_backend(name)
            what = (loaded.__doc__ or loaded.__name__).strip().splitlines()[0]
        except BackendError as error:
            what = f"BROKEN: {error}"
            n_broken += 1
        print(f"{name:{width}}  {distribution:{owners}}  {what}")
    return 1 if n_broken else 0
