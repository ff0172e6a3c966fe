"""Where Python's small objects lie: in its own blocks of 1 MiB, or in the C library's memory.

Python gives a block back when nothing in it lives. After a crowd some objects of others live in each
of them, so all that the crowd took stays. The C library gives back each page of 4 KiB in which nothing
lives; but it takes longer to find room, so Python's blocks are the rule.

Objects of both lie beside each other: Python frees each where it lies, as it has always done with
those of more than 512 bytes, which come from the C library anyway.
"""

import ctypes
import sys

_DOMAINS = (1, 2)
"""Of Python's C API: PYMEM_DOMAIN_MEM and PYMEM_DOMAIN_OBJ. Those of 0 are the C library's."""
_USUAL = b"pymalloc"


class _Functions(ctypes.Structure):
    """`PyMemAllocatorEx`: what allocates and frees in a domain."""

    _fields_ = [(name, ctypes.c_void_p) for name in ("ctx", "malloc", "calloc", "realloc", "free")]


class SmallObjects:
    """Where new small objects of this process are put. Of one thread."""

    def __init__(self) -> None:
        self._usual = {domain: _functions(domain) for domain in _DOMAINS} if _is_usual() else {}
        self.is_given_back = False
        """Whether new ones lie in the C library's memory."""

    def give_back(self, *, is_wanted: bool) -> None:
        """Put new ones where they can be given back, or in Python's blocks again.

        Nothing happens where Python has other allocators: those of PYTHONMALLOC, of a build without
        the interpreter's lock, or of a tracer of memory.
        """
        if is_wanted == self.is_given_back or not self._usual or not self._is_ours():
            return
        library = _functions(0)
        for domain, usual in self._usual.items():
            functions = _Functions.from_buffer_copy(usual)
            if is_wanted:
                functions.malloc, functions.calloc = library.malloc, library.calloc
            ctypes.pythonapi.PyMem_SetAllocator(domain, ctypes.byref(functions))
        self.is_given_back = is_wanted

    def _is_ours(self) -> bool:
        """Whether nobody else has changed the allocators since."""
        found = (_functions(domain) for domain in _DOMAINS)
        return all(
            (each.ctx, each.free) == (usual.ctx, usual.free)
            for each, usual in zip(found, self._usual.values(), strict=True)
        )


def _is_usual() -> bool:
    """Whether Python's small objects come from its blocks, and nothing stands between."""
    try:
        name = ctypes.pythonapi._PyMem_GetCurrentAllocatorName  # noqa: SLF001 - nothing else tells
    except AttributeError:
        return False
    name.restype = ctypes.c_char_p
    return sys.platform == "linux" and bool(name() == _USUAL)


def _functions(domain: int) -> _Functions:
    found = _Functions()
    ctypes.pythonapi.PyMem_GetAllocator(domain, ctypes.byref(found))
    return found
