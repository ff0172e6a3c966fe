"""When a cached answer is current: its version is that of the data now, and it is not too old.

1. The athlete or athletes that an answer is about are its subject: `CachedField.subject` (`cached_field.py`).
2. The version of the subject's data is read after the request arrived: `data_versions.py`.
3. The answer's version has to be this one, and its age below its lifetime: here. The script of
   `redis_tier.py` compares versions too, to send no others.
4. How long answers with some kinds of data live: `RootFieldCache.lifetime_s`.
"""

from graph.cache.entry import CacheEntry, CacheRequest

_REFRESH_AT = 0.9  # of an entry's lifetime


def age_if_current(entry: CacheEntry, request: CacheRequest) -> float | None:
    """Get the age in seconds of an entry that is current. None: it is not."""
    if entry.version != request.version:
        return None
    age_s = entry.age_s
    return age_s if age_s < request.lifetime_s else None


def expires_soon(age_s: float, request: CacheRequest) -> bool:
    """Tell whether a current answer is to be computed again while it is still served."""
    return age_s > request.lifetime_s * _REFRESH_AT
