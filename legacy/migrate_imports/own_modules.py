"""Modules that an application has itself, under a name that is the older service's or pacegraph's too."""

from pathlib import Path

__all__ = ["OwnModules"]

_OURS = {"db", "logs", "settings"}
_PACEGRAPH = Path(__file__).resolve().parents[2]


class OwnModules:
    """The application's own modules as `file` may find them: in its folder or one above it, up to `top` or `here`."""

    def __init__(self, file: Path, top: Path) -> None:
        """Look from the file upwards to the folder that was asked for, and on to the working directory above it."""
        folder, end, here = file.resolve().parent, top.resolve(), Path.cwd().resolve()
        end = end if end.is_dir() else end.parent
        # What is in a package is not found by its bare name.
        above = [
            each for each in (folder, *folder.parents) if not (each / "__init__.py").exists() and each != _PACEGRAPH
        ]
        self._below = [each for each in above if each.is_relative_to(end)]
        self._above = [each for each in above if end.is_relative_to(here) and each.is_relative_to(here)]
        self._here = [each for each in self._above if each == here]

    def in_place_of_old(self, module: str) -> Path | None:
        """Give the application's file that is found where `module`, an old name, is imported."""
        parts = module.split(".")
        for root in (*self._below, *self._above):
            for length in range(1, len(parts) + 1):
                path = root.joinpath(*parts[:length])
                # A folder without __init__.py hides nothing: it is one with the old names' folder.
                if (path / "__init__.py").exists():
                    return path / "__init__.py"
                if length == len(parts) and path.with_suffix(".py").exists():
                    return path.with_suffix(".py")
        return None

    def in_place_of_new(self, module: str) -> Path | None:
        """Give the application's file or folder that would be found where `module`, one of pacegraph's, is imported."""
        top = module.split(".", maxsplit=1)[0]
        if top not in _OURS:
            return None
        for root in (*self._below, *self._here):
            if (root / f"{top}.py").exists():
                return root / f"{top}.py"
            if _has_modules(root / top):
                return root / top
        return None


def _has_modules(folder: Path) -> bool:
    """Whether it is found as a package, also without __init__.py: it is found before pacegraph's."""
    return folder.is_dir() and any(folder.glob("*.py"))
