"""What can be wrong with a source. Everything here is raised before a session starts.

IngestError
  SourceError        sources that cannot be had, or not together (exit code 78)
  FileError          a file that cannot be used (exit code 78)
    FileMissing      it is not there or cannot be read (exit code 66)
  DefinitionError    `instruments.toml`: names the field (exit code 78)
"""

from pathlib import Path


class IngestError(Exception):
    """Root of this package's errors."""


class SourceError(IngestError):
    """A source that cannot be: two of the same, an instrument that none has, a setting that contradicts."""


class FileError(IngestError):
    """A file that cannot be replayed. One line: file, row where there is one, what is wrong, the mend."""

    def __init__(self, file: Path, what: str, mend: str, row: int | None = None) -> None:
        self.file, self.what, self.mend, self.row = file, what, mend, row
        where = f"{file}: row {row}" if row is not None else str(file)
        super().__init__(" ".join(f"{where}: {what}; {mend}".split()))


class FileMissing(FileError):
    """The file is not there, or may not be read."""


class DefinitionError(IngestError):
    """A definition in `instruments.toml` that cannot be used; the message begins with file and field."""
