"""The application's own modules that share a name with the older service or pacegraph."""

from pathlib import Path

_OURS = {"db", "logs", "settings"}
_PACEGRAPH = Path(__file__).resolve().parents[2]


class OwnModules:
    """The application's modules that `file` may import: in its folder and the folders above."""

    def __init__(self, file: Path, top: Path) -> None:
        """Search up to `top`, the migrated folder, and on to the working directory above it."""
        folder, end, here = file.resolve().parent, top.resolve(), Path.cwd().resolve()
        end = end if end.is_dir() else end.parent
        # A module inside a package is not importable by its bare name.
        above = [
            each
            for each in (folder, *folder.parents)
            if not (each / "__init__.py").exists() and each != _PACEGRAPH
        ]
        self._below = [each for each in above if each.is_relative_to(end)]
        self._above = [
            each for each in above if end.is_relative_to(here) and each.is_relative_to(here)
        ]
        self._here = [each for each in self._above if each == here]

    def in_place_of_old(self, module: str) -> Path | None:
        """Find the application's file that an import of `module`, an old name, would load."""
        parts = module.split(".")
        for root in (*self._below, *self._above):
            for length in range(1, len(parts) + 1):
                path = root.joinpath(*parts[:length])
                # A folder without __init__.py hides nothing: Python merges it with the old names.
                if (path / "__init__.py").exists():
                    return path / "__init__.py"
                if length == len(parts) and path.with_suffix(".py").exists():
                    return path.with_suffix(".py")
        return None

    def in_place_of_new(self, module: str) -> Path | None:
        """Find the application's file or folder that hides `module`, one of pacegraph's."""
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
    """Whether Python imports the folder as a package; it does so even without __init__.py."""
    return folder.is_dir() and any(folder.glob("*.py"))
